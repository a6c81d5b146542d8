-- Identity is a live session. A setting only names the session's secret; whoever does not know a secret is nobody.
create or replace function private.current_user_id() returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select s.user_id
    from private.live_sessions s
    where s.secret_hash = private.digest(nullif(current_setting('request.session', true), '')));
end
$$;
comment on function private.current_user_id() is 'The user of this request''s live session, or null.';
revoke all on function private.current_user_id() from public;
grant execute on function private.current_user_id() to roster_user, roster_dba;
