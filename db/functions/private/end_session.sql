-- One session, by its public id.
create or replace function private.end_session(session_id uuid, reason text) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.sessions s set revoked_at = private.now(), revoked_reason = end_session.reason
  where s.id = end_session.session_id and s.revoked_at is null;
  if not found then
    return false;
  end if;
  update app.refresh_tokens t set revoked_at = private.now()
  where t.session_id = end_session.session_id and t.used_at is null and t.revoked_at is null;
  return true;
end
$$;
comment on function private.end_session(uuid, text) is 'Ends one open session with its token; false if it was not open.';
revoke all on function private.end_session(uuid, text) from public;
