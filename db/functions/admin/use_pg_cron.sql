-- With the caller's rights: pg_cron runs a job as who scheduled it. The extension keeps one job of a name, so that
-- calling this again changes the schedule.
create or replace function admin.use_pg_cron(schedule text default '* * * * *') returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  if not exists (select from pg_extension e where e.extname = 'pg_cron') then
    raise exception 'this database does not have the extension pg_cron'
      using errcode = 'feature_not_supported',
            hint = 'Put pg_cron into shared_preload_libraries, set cron.database_name to this database, restart, and create extension pg_cron; or leave the jobs to the service or to another timer.';
  end if;
  execute 'select cron.schedule($1, $2, $3)' into v_id
  using 'pgroster', use_pg_cron.schedule, 'select admin.run_due_jobs()';
  return v_id;
end
$$;
comment on function admin.use_pg_cron(text) is 'Has pg_cron run the due jobs on a schedule (cron''s five fields, UTC unless cron.timezone says otherwise); returns its id of the job. The service goes on looking as well: a job runs once, whoever comes first.';
revoke all on function admin.use_pg_cron(text) from public;
grant execute on function admin.use_pg_cron(text) to roster_dba;
