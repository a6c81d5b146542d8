-- Concurrently, so that a dashboard never waits.
create or replace function admin.refresh_reporting() returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  refresh materialized view concurrently reporting.v_active_users_summary;
end
$$;
comment on function admin.refresh_reporting() is 'Counts reporting.v_active_users_summary again.';
revoke all on function admin.refresh_reporting() from public;
grant execute on function admin.refresh_reporting() to roster_dba;
