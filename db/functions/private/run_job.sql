-- A job that runs into a time limit or is cancelled is recorded like any other that fails: else it would be the first
-- that is due the next time as well, and no other would ever run.
create or replace function private.run_job(name text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job     app.jobs;
  v_started timestamptz := clock_timestamp();
  v_result  text;
  v_error   text;
begin
  select j.* into v_job from app.jobs j where j.name = run_job.name;
  begin
    execute format('select admin.%I()::text', v_job.command) into v_result;
  exception
    when others or query_canceled then
      v_result := null;
      v_error := sqlerrm;
  end;
  update app.jobs j set
    -- Work in batches says whether there may be more of it.
    next_run_at = case when v_result like '%"more": true%' then private.now() else private.next_run(j.run_every, j.run_at) end,
    last_run_at = private.now(),
    last_duration = clock_timestamp() - v_started, last_result = v_result, last_error = v_error
  where j.name = run_job.name;
end
$$;
comment on function private.run_job(text) is 'Runs a job of app.jobs and records how it went.';
revoke all on function private.run_job(text) from public;
