-- The public id, which listings show; the secret that the access token carries is never readable again.
create or replace function private.current_session_id() returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select s.id
    from private.live_sessions s
    where s.secret_hash = private.digest(nullif(current_setting('request.session', true), '')));
end
$$;
comment on function private.current_session_id() is 'The public id of this request''s live session, or null.';
revoke all on function private.current_session_id() from public;
grant execute on function private.current_session_id() to roster_user, roster_dba;
