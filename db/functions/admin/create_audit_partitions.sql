-- Half a year ahead: were the job ever to stand still, there is time to notice.
create or replace function admin.create_audit_partitions() returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return audit.create_partitions(6);
end
$$;
comment on function admin.create_audit_partitions() is 'Creates the partitions of the audit log for this month and the next six that are missing; returns how many.';
revoke all on function admin.create_audit_partitions() from public;
grant execute on function admin.create_audit_partitions() to roster_dba;
