-- Whoever has proved who they are gets a session with its first refresh token; from here on the transaction is that
-- session's.
create or replace function private.sign_in(user_id uuid, device_name app.device_name, methods text[]) returns api.session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes   bytea := public.gen_random_bytes(32);
  v_secret  text := private.base64url(v_bytes);
  v_token   text := private.random_token();
  v_session app.sessions;
  v_stored  app.refresh_tokens;
begin
  perform private.record_login(sign_in.user_id);
  perform set_config('request.session', v_secret, true);
  v_session := private.open_session(
    sign_in.user_id, v_secret, (select s.session_absolute from app.settings s), sign_in.device_name, null, sign_in.methods);
  v_stored := private.issue_refresh_token(v_session, v_bytes, v_token);
  perform audit.record_event('login.succeeded', sign_in.user_id);
  return private.session_reply(v_session, v_secret, v_token, v_stored.expires_at);
end
$$;
comment on function private.sign_in(uuid, app.device_name, text[]) is 'Opens a session of a user who has proved who they are, by these methods.';
revoke all on function private.sign_in(uuid, app.device_name, text[]) from public;
