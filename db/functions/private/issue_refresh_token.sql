-- One more link of a session's chain. The unique index on live tokens makes a second one impossible.
create or replace function private.issue_refresh_token(
  session app.sessions, secret bytea, token text, id uuid default gen_random_uuid()) returns app.refresh_tokens
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token app.refresh_tokens;
begin
  insert into app.refresh_tokens (
    id, session_id, user_id, token_hash, sealed_secret, expires_at, device_fingerprint, client_address, user_agent)
  values (
    issue_refresh_token.id, session.id, session.user_id, private.digest(issue_refresh_token.token), private.seal(secret, issue_refresh_token.token),
    least(private.now() + (select s.refresh_token_idle from app.settings s), session.expires_at),
    private.device_fingerprint(session.device_name),
    private.request_value('address')::inet, left(private.request_value('user_agent'), 300))
  returning * into v_token;
  return v_token;
end
$$;
comment on function private.issue_refresh_token(app.sessions, bytea, text, uuid) is 'Stores a refresh token of a session as digests; it expires when idle, at the latest with the session.';
revoke all on function private.issue_refresh_token(app.sessions, bytea, text, uuid) from public;
