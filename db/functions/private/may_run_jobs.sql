create or replace function private.may_run_jobs() returns boolean
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_try_advisory_xact_lock(hashtext('pgroster'), hashtext('jobs'))
$$;
comment on function private.may_run_jobs() is 'Whether nobody else runs jobs now; if so, nobody else will until the end of this transaction.';
revoke all on function private.may_run_jobs() from public;
