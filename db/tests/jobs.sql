-- Recurring work. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(29);

\ir outcome.psql

create function pg_temp.job(name text) returns text language sql as
  $$ select (j.last_run_at is not null, j.last_result, j.last_error)::text from app.jobs j where j.name = job.name $$;
-- Daily work has its time of day, whatever that is now: see job_times.sql.
update app.jobs set is_enabled = false where run_at is not null or name = 'seal_audit';
select is(admin.run_due_jobs(), 3, 'what is due is run');
select is(pg_temp.job('create_audit_partitions'), '(t,0,)', 'the result is kept');
select is(pg_temp.job('erase_expired_salts'), '(t,0,)', 'of each');
select is(pg_temp.job('refresh_reporting'), '(t,"",)', 'also of one without a result');
select is(admin.run_due_jobs(), 0, 'then nothing is due');
select ok((select bool_and(next_run_at - private.now() between run_every - interval '5 seconds' and run_every) from app.jobs where is_enabled), 'each is due again after its time');
update private.clock set shift = '1 minute';
select is(admin.run_due_jobs(), 1, 'when that has passed it runs again');
update private.clock set shift = '1 hour';
update app.jobs set is_enabled = false where name = 'refresh_reporting';
select is(admin.run_due_jobs(), 1, 'a job that is switched off does not run');

-- A failing job
create function admin.fail_always() returns integer language plpgsql as 'begin insert into app.roles (name) values (''half_done''); return 1 / 0; end';
insert into app.jobs (name, command, run_every, next_run_at) values
  ('first_fails', 'fail_always', '1 minute', private.now() - interval '1 day'), ('is_missing', 'no_such_function', '1 minute', private.now() - interval '1 day');
update private.clock set shift = '2 hours';
select is(admin.run_due_jobs(), 3, 'a failing job does not keep the others from running');
select is(pg_temp.job('first_fails'), '(t,,"division by zero")', 'its error is kept');
select is((select count(*) from app.roles where name = 'half_done'), 0::bigint, 'and nothing of what it did');
select matches(pg_temp.job('is_missing'), 'function admin\.no_such_function\(\) does not exist', 'a job without its function says so');
select matches(pg_temp.job('erase_expired_salts'), '^\(t,[0-9]+,\)$', 'the others have run');
create or replace function admin.fail_always() returns integer language sql as 'select 7';
update private.clock set shift = '3 hours';
do $$ begin perform admin.run_due_jobs(); end $$;
select is(pg_temp.job('first_fails'), '(t,7,)', 'once it succeeds the error is gone');
update app.jobs set command = 'run_due_jobs() ; drop table app.users; --' where name = 'first_fails';
update private.clock set shift = '4 hours';
do $$ begin perform admin.run_due_jobs(); end $$;
select matches(pg_temp.job('first_fails'), 'does not exist', 'a command is a name, not SQL');

-- One at a time
update app.jobs set is_enabled = name in ('create_audit_partitions', 'first_fails'), command = case name when 'first_fails' then 'fail_always' else command end;
update private.clock set shift = '2 days';
update app.jobs set next_run_at = private.now() - interval '2 minutes' where name = 'first_fails';
update app.jobs set next_run_at = private.now() - interval '1 minute' where name = 'create_audit_partitions';
select is(admin.run_due_job(), 'first_fails', 'the job that has been due longest is the first');
select is(admin.run_due_job(), 'create_audit_partitions', 'then comes the next');
select is(admin.run_due_job(), null, 'until none is due');
drop function admin.fail_always();
create function admin.fail_always() returns jsonb language sql as $$ select '{"more": true}'::jsonb $$;
update app.jobs set next_run_at = private.now() where name = 'first_fails';
select is(admin.run_due_jobs(), 1, 'work in batches runs once a call');
select is(admin.run_due_job(), 'first_fails', 'and is due again at once while there is more');
update app.jobs set is_enabled = false where name = 'first_fails';

-- Who
set local role roster_authenticator;
select is(pg_temp.outcome('select admin.run_due_job()'), 'ok', 'the service may run what is due');
select is(pg_temp.outcome('select admin.run_due_jobs()'), '42501', 'one job a statement');
select is(pg_temp.outcome('select admin.create_audit_partitions()'), '42501', 'but no job by itself');
select is(pg_temp.outcome('update app.jobs set next_run_at = now()'), '42501', 'nor change when');
set local role roster_user;
select is(pg_temp.outcome('select admin.run_due_jobs()'), '42501', 'a request may not');
set local role roster_dba;
select is(pg_temp.outcome('select admin.run_due_jobs()'), 'ok', 'an operator may');
select is(pg_temp.outcome('update app.jobs set is_enabled = true, run_every = interval ''1 hour'', next_run_at = now()'), 'ok', 'and decides when');
select is(pg_temp.outcome('update app.jobs set command = ''act_as'''), '42501', 'but not what');
select is(pg_temp.outcome('insert into app.jobs (name, command, run_every) values (''mine'', ''mine'', ''1 day'')'), '42501', 'and adds none');
reset role;

select * from finish();
rollback;
