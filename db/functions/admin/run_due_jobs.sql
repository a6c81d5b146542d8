-- Several services may call this at once: one runs the jobs, the others find nothing to do. A failing job is recorded
-- and does not keep the others from running.
create or replace function admin.run_due_jobs() returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job     app.jobs;
  v_started timestamptz;
  v_result  text;
  v_error   text;
  v_run     integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('pgroster'), hashtext('admin.run_due_jobs')) then
    return 0;
  end if;
  for v_job in select j.* from app.jobs j where j.is_enabled and j.next_run_at <= private.now() order by j.next_run_at loop
    v_started := clock_timestamp();
    v_error := null;
    begin
      execute format('select admin.%I()::text', v_job.command) into v_result;
    exception
      when others then
        v_result := null;
        v_error := sqlerrm;
    end;
    update app.jobs j set
      -- Work in batches says whether there may be more of it.
      next_run_at = case when v_result like '%"more": true%' then private.now() else private.next_run(j.run_every, j.run_at) end,
      last_run_at = private.now(),
      last_duration = clock_timestamp() - v_started, last_result = v_result, last_error = v_error
    where j.name = v_job.name;
    v_run := v_run + 1;
  end loop;
  return v_run;
end
$$;
comment on function admin.run_due_jobs() is 'Runs the jobs of app.jobs that are due and records how each went; returns how many. Called by the service, or by any timer.';
revoke all on function admin.run_due_jobs() from public;
grant execute on function admin.run_due_jobs() to roster_dba, roster_authenticator;
