-- Who is signing in is known by the challenge only.
create or replace function http.challenge_totp(challenge text) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.totp_facts(
    (select c.user_id from app.login_challenges c where c.token_hash = private.digest(challenge_totp.challenge)));
end
$$;
comment on function http.challenge_totp(text) is 'Sealed secret of the authenticator app of whoever has that challenge, and the time steps to try; null without one.';
revoke all on function http.challenge_totp(text) from public;
grant execute on function http.challenge_totp(text) to roster_authenticator;
