-- One job a statement, so that each has the statement timeout for itself and what it did is kept whatever comes after.
create or replace function admin.run_due_job() returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_may  boolean := private.may_run_jobs();
  v_name text;
begin
  if not v_may then
    return null;
  end if;
  select j.name into v_name from app.jobs j
  where j.is_enabled and j.next_run_at <= private.now()
  order by j.next_run_at limit 1;
  if v_name is not null then
    perform private.run_job(v_name);
  end if;
  return v_name;
end
$$;
comment on function admin.run_due_job() is 'Runs the job of app.jobs that has been due longest; returns its name, null when none is due or somebody else is at it. The service calls it until that.';
revoke all on function admin.run_due_job() from public;
grant execute on function admin.run_due_job() to roster_dba, roster_authenticator;
