-- The retry rule in one place: only the immediate predecessor of a still unused successor, only for a moment, and only
-- from a client that calls itself what the successor's does. Its address may be another: it is where a network was lost
-- that answers get lost.
create or replace function private.refresh_obstacle(
  session app.sessions, token app.refresh_tokens, successor app.refresh_tokens) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.now();
begin
  if token.id is null then
    return 'token_invalid';
  elsif session.revoked_at is not null or session.expires_at <= v_now
     or not exists (select from app.users u where u.id = session.user_id and u.status in ('active', 'inactive')) then
    return 'session_expired';
  elsif token.used_at is null then
    return case when token.revoked_at is not null or token.expires_at <= v_now then 'token_invalid' end;
  elsif token.successor_salt is not null and successor.used_at is null and successor.revoked_at is null
    and v_now < token.used_at + (select s.refresh_retry_grace from app.settings s)
    and successor.device_fingerprint = private.device_fingerprint(session.device_name) then
    return null;
  end if;
  return 'token_reused';
end
$$;
comment on function private.refresh_obstacle(app.sessions, app.refresh_tokens, app.refresh_tokens) is 'Why a presented refresh token gets no successor: token_invalid, session_expired or token_reused; null if it does.';
revoke all on function private.refresh_obstacle(app.sessions, app.refresh_tokens, app.refresh_tokens) from public;
