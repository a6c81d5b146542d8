-- The password was right, which is not enough. Several may wait at once: somebody signs in on two devices. The login
-- counts as neither good nor failed until the challenge is met.
create or replace function private.ask_second_factor(user_id uuid, device_name app.device_name) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token   text := private.random_token();
  v_expires timestamptz := private.now() + (select s.login_challenge_ttl from app.settings s);
begin
  insert into app.login_challenges (user_id, token_hash, device_name, expires_at)
  values (ask_second_factor.user_id, private.digest(v_token), ask_second_factor.device_name, v_expires);
  perform private.refuse('mfa_required', jsonb_build_object('challenge', v_token, 'challenge_expires_at', v_expires));
end
$$;
comment on function private.ask_second_factor(uuid, app.device_name) is 'Refuses a login with mfa_required and a challenge, which stands for the password that was right.';
revoke all on function private.ask_second_factor(uuid, app.device_name) from public;
