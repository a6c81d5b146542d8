-- Several may call this at once: one runs the jobs, the others find nothing to do. Each job runs once, also one that has
-- more to do: the next call goes on with it.
create or replace function admin.run_due_jobs() returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_may  boolean := private.may_run_jobs();
  v_name text;
  v_run  integer := 0;
begin
  if not v_may then
    return 0;
  end if;
  for v_name in select j.name from app.jobs j where j.is_enabled and j.next_run_at <= private.now() order by j.next_run_at loop
    perform private.run_job(v_name);
    v_run := v_run + 1;
  end loop;
  return v_run;
end
$$;
comment on function admin.run_due_jobs() is 'Runs the jobs of app.jobs that are due and records how each went; returns how many. For pg_cron or any other timer.';
revoke all on function admin.run_due_jobs() from public;
grant execute on function admin.run_due_jobs() to roster_dba;
