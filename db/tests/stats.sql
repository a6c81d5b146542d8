-- The figures of a dashboard. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(9);
\ir people.psql
do $$ begin
  update app.users set deleted_at = private.now(), status = 'deleted' where deleted_at is null;
  perform pg_temp.person('reader', 'auditor'), pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('cid'), pg_temp.person('dan');
  perform private.create_account('eve@example.org', 'eve', null, null, null, null, 'en');
  perform api.suspend_user(pg_temp.id('bob')), api.delete_user(pg_temp.id('cid'));
  update app.users set locked_until = private.now() + interval '1 hour', last_login_at = private.now() where username = 'dan';
  update app.users set created_at = private.now() - interval '31 days' where username = 'ann';
  update app.users set created_at = private.now() - interval '31 days' where deleted_at is not null and username <> 'cid';
end $$;
create temp table before as select (pg_temp.outcome('reader', 'select row_to_json(api.get_stats())'))::jsonb as figures;

select is(pg_temp.outcome('ann', 'select api.get_stats()'), 'forbidden', 'BR-501: figures are for who may see accounts');
select isnt(pg_temp.outcome('operator', 'select (api.get_stats()).as_of'), 'forbidden', 'BR-509: and for operators');
select is(pg_temp.outcome('ann', 'select admin.refresh_reporting()'), '42501', 'a request does not count again');
update private.clock set shift = '1 minute';
select is(pg_temp.outcome('operator', 'select admin.refresh_reporting()'), 'ok', 'an operator does, or the job');
select is((pg_temp.outcome('reader', 'select row_to_json(api.get_stats())'))::jsonb - 'as_of' - 'deleted',
  '{"users": 5, "active": 3, "inactive": 1, "suspended": 1, "locked": 1, "verified": 4, "registered_last_30_days": 5, "signed_in_last_30_days": 1}'::jsonb, 'each figure counts what its name says');
select ok(((pg_temp.outcome('reader', 'select row_to_json(api.get_stats())'))::jsonb ->> 'as_of')::timestamptz > (select (figures ->> 'as_of')::timestamptz from before), 'and says when it was counted');
select is((select j.run_every from app.jobs j where j.name = 'refresh_reporting' and j.is_enabled), '15 minutes', 'a job counts them every quarter of an hour');
do $$ begin perform private.erase_account(pg_temp.id('ann'), 'request'), admin.refresh_reporting(); end $$;
select is((pg_temp.outcome('reader', 'select row_to_json(api.get_stats())'))::jsonb ->> 'users', '4', 'an erased account counts as deleted');
select is((pg_temp.outcome('reader', 'select row_to_json(api.get_stats())'))::jsonb ->> 'deleted', (select count(*)::text from app.users u where u.status = 'deleted'), 'with all the others');

select * from finish();
rollback;
