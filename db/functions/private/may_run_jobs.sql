-- A row that nobody else may lock: an advisory lock anybody with a login could take, and hold.
create or replace function private.may_run_jobs() returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from private.secrets s for update skip locked;
  return found;
end
$$;
comment on function private.may_run_jobs() is 'Whether nobody else runs jobs now; if so, nobody else will until the end of this transaction.';
revoke all on function private.may_run_jobs() from public;
