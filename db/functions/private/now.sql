-- The one clock: real time, so that a row lock's wait does not leave a stale time, plus the shift that tests set.
create or replace function private.now() returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return clock_timestamp() + (select c.shift from private.clock c);
end
$$;
comment on function private.now() is 'The time that every rule uses.';
revoke all on function private.now() from public;
grant execute on function private.now() to roster_anonymous, roster_user, roster_audit_owner, roster_dba, roster_reporting;
