-- As many rows as fit the statement timeout of the service's login by far; the job comes round while there are more.
create or replace function admin.seal_audit(max_rows integer default 50000) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.check_batch(max_rows);
  return audit.seal(private.now(), max_rows);
end
$$;
comment on function admin.seal_audit(integer) is 'Seals the rows of the audit log whose transactions have ended for everybody, at most so many; returns how many. Call it again while it says that there may be more.';
revoke all on function admin.seal_audit(integer) from public;
grant execute on function admin.seal_audit(integer) to roster_dba;
