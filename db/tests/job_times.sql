-- Work that comes round. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(25);
\ir people.psql
update app.jobs set next_run_at = private.now() + interval '10 years';

create function pg_temp.run() returns text language sql as $$ select pg_temp.outcome('operator', 'select admin.run_due_jobs()') $$;
create function pg_temp.job(name text) returns app.jobs language sql as $$ select j from app.jobs j where j.name = $1 $$;

select is(pg_temp.outcome(null, 'select admin.run_due_jobs()'), '42501', 'a request runs no job');
select is(pg_temp.run(), '0', 'BR-310: what is not due does not run');
update app.jobs set next_run_at = private.now() where name = 'erase_expired_salts';
select is(pg_temp.run(), '1', 'BR-310: what is due runs');
select is(pg_temp.run(), '0', 'BR-310: once');
select ok((pg_temp.job('erase_expired_salts')).last_run_at is not null and (pg_temp.job('erase_expired_salts')).last_duration >= '0', 'the table says when it ran and how long that took');
select is((pg_temp.job('erase_expired_salts')).last_result, '0', 'and what came of it');
select is((pg_temp.job('erase_expired_salts')).last_error, null, 'and that nothing went wrong');
select ok((pg_temp.job('erase_expired_salts')).next_run_at between private.now() + interval '59 seconds' and private.now() + interval '61 seconds', 'and when it is due again');
update app.jobs set next_run_at = private.now(), is_enabled = false where name = 'erase_expired_salts';
select is(pg_temp.run(), '0', 'BR-310: what is switched off does not run');
update app.jobs set is_enabled = true where name = 'erase_expired_salts';

-- One that fails
insert into app.jobs (name, command, run_every, next_run_at) values ('broken', 'no_such_function', '1 hour', private.now() - interval '1 minute');
select is(pg_temp.run(), '2', 'one that fails counts as run');
select matches((pg_temp.job('broken')).last_error, 'no_such_function', 'BR-310: and says why');
select is((pg_temp.job('erase_expired_salts')).last_error, null, 'BR-310: it does not keep the others from running');
select ok((pg_temp.job('broken')).next_run_at > private.now() + interval '59 minutes', 'nor is it tried again before its time');

-- One that works in batches
create function admin.half_done() returns jsonb language sql as $$ select '{"removed": 7, "more": true}'::jsonb $$;
insert into app.jobs (name, command, run_every, next_run_at) values ('half_done', 'half_done', '1 day', private.now() - interval '1 minute');
select is(pg_temp.run(), '1', 'a job does a part of its work');
select is(pg_temp.run(), '1', 'BR-310: one that says there may be more is due again at once');
create or replace function admin.half_done() returns jsonb language sql as $$ select '{"removed": 0, "more": false}'::jsonb $$;
do $$ begin perform pg_temp.run(); end $$;
select is(pg_temp.run(), '0', 'until there is none');

-- Daily work
select is(private.next_run('1 day', null) > private.now() + interval '23 hours 59 minutes', true, 'without a time of day the next run is counted from now');
select is((private.next_run('1 day', t) at time zone 'UTC')::time, t, 'with one it is at that time')
from unnest(array['00:00', '02:00', '23:59']::time[]) t;
select ok(private.next_run('1 day', t) > private.now() and private.next_run('1 day', t) <= private.now() + interval '1 day', 'and within a day')
from unnest(array['00:00', '02:00', '23:59']::time[]) t;
select is((select j.run_at from app.jobs j where j.name = 'cleanup_expired_data' and j.is_enabled), '02:00', 'cleaning up is daily work, at two o''clock');
select is_empty($$select j.name from app.jobs j where j.name not in ('broken', 'half_done') and to_regprocedure(format('admin.%I()', j.command)) is null
  and not exists (select from pg_proc p where p.pronamespace = 'admin'::regnamespace and p.proname = j.command and p.pronargs = p.pronargdefaults)$$,
  'every job names a function of schema admin');

select * from finish();
rollback;
