-- Reading the audit log. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(27);

\ir callers.psql

do $$ begin perform pg_temp.person(n) from unnest('{ann,audrey,sue}'::text[]) n; end $$;
call pg_temp.grant_role('audrey', 'auditor');
call pg_temp.grant_role('sue', 'support');
do $$ begin perform set_config('request.context', '{"address": "192.0.2.7", "request_id": "seek"}', true);
  for i in 1 .. 5 loop perform audit.record_event('phone.verification_failed', pg_temp.id('ann'), jsonb_build_object('n', i)); end loop;
  perform set_config('request.context', '{"address": "192.0.2.8"}', true); end $$;
create function pg_temp.numbers(parameters text) returns text language plpgsql as $$
declare
  v_numbers text;
begin
  execute format('select string_agg(e.details ->> ''n'', '' '' order by e.ordinality) from unnest((api.list_audit_logs(%s)).items) with ordinality e', numbers.parameters) into v_numbers;
  return v_numbers;
end
$$;
create function pg_temp.all_pages(size integer) returns bigint[] language plpgsql as $$
declare
  v_page api.audit_page;
  v_ids  bigint[] := '{}';
begin
  loop
    v_page := api.list_audit_logs(cursor => v_page.next_cursor, "limit" => all_pages.size);
    v_ids := v_ids || array(select e.id from unnest(v_page.items) e);
    exit when v_page.next_cursor is null;
  end loop;
  return v_ids;
end
$$;
create function pg_temp.moment(n integer) returns timestamptz language sql security definer as
  $$ select occurred_at from audit.audit_logs where action = 'phone.verification_failed' and details ->> 'n' = moment.n::text $$;

call pg_temp.be('audrey');
select is(pg_temp.numbers($$action => 'phone.verification_failed'$$), '5 4 3 2 1', 'by action, newest first');
select is(pg_temp.numbers($$request_id => 'seek'$$), '5 4 3 2 1', 'by request');
select is(pg_temp.numbers($$action => 'phone.verification_failed', user_id => pg_temp.id('ann')$$), '5 4 3 2 1', 'by person');
select is(pg_temp.numbers($$action => 'phone.verification_failed', user_id => pg_temp.id('sue')$$), null, 'and nobody else');
select is(pg_temp.numbers($$action => 'phone.verification_failed', "from" => pg_temp.moment(2), "to" => pg_temp.moment(4)$$), '3 2', 'from is included, to is not');
select is(pg_temp.numbers($$action => 'phone.verification_failed', "limit" => 2$$), '5 4', 'a page at a time');
select is(pg_temp.numbers($$action => 'no_such.thing'$$), null, 'what is not there is an empty page');
select is(pg_temp.all_pages(3), pg_temp.all_pages(100), 'pages of three hold each row once');
select is(cardinality(pg_temp.all_pages(7)), (select count(*)::integer from audit.audit_logs), 'and all of them');
select is(pg_temp.outcome($$select api.list_audit_logs(cursor => 'forged-forged-forged-forged')$$), 'cursor_invalid', 'a forged cursor is refused');
select is((select (e.entity, e.actor_user_id, e.client_address, e.request_id)::text from unnest((api.list_audit_logs(request_id => 'seek', "limit" => 1)).items) e), '(,,192.0.2.7,seek)', 'a row says from where and in which request');

select is((select count(*) from unnest((api.list_audit_logs(actor_user_id => pg_temp.id('audrey'), "limit" => 100)).items) e where e.actor_user_id = pg_temp.id('audrey')),
  (select count(*) from audit.audit_logs where actor_user_id = pg_temp.id('audrey')), 'by who did it');
select is(pg_temp.numbers($$actor_user_id => pg_temp.id('sue')$$), null, 'and nobody else');
do $$ begin perform set_config('test.cursor', (api.list_audit_logs(action => 'phone.verification_failed', "limit" => 2)).next_cursor, true); end $$;
select is(pg_temp.numbers(format($$action => 'phone.verification_failed', cursor => %L$$, current_setting('test.cursor'))), '3 2 1', 'a cursor goes on where the page ended');
select is(pg_temp.outcome(format('select api.list_audit_logs(%s, cursor => %L)', filters, current_setting('test.cursor'))), 'cursor_invalid', 'BR-232: and belongs to its filters, not to ' || filters)
from unnest(array['action => ''login.failed''', 'action => ''phone.verification_failed'', request_id => ''seek''']) filters;

select is((api.list_audit_logs()).estimated_count, null, 'nobody counts the log unless it is asked for');
select ok((api.list_audit_logs(count => 'estimated', "limit" => 5)).estimated_count >= 5, 'then the planner tells about how many rows fit');
select ok((api.list_audit_logs(count => 'estimated', action => 'nothing.happened', "limit" => 5)).estimated_count < (api.list_audit_logs(count => 'estimated', "limit" => 5)).estimated_count, 'with the filters');
select is(pg_temp.outcome('select api.list_audit_logs(count => ''exact'')'), '23514', 'there is no exact count');
call pg_temp.be('sue');
select is((api.list_audit_logs(count => 'estimated')).estimated_count, null, 'without audit:read not even that is told');
select is((api.list_audit_logs()).items, '{}', 'without audit:read row-level security shows nothing');
call pg_temp.be('ann');
select is((api.list_audit_logs(user_id => pg_temp.id('ann'))).items, '{}', 'not of oneself either');
reset role;
set local role roster_auditor;
select ok((select count(*) from audit.audit_logs) > 20, 'an auditor reads the log in psql');
select ok((select count(*) from audit.user_audit_log) between 5 and (select count(*) from audit.audit_logs), 'and by its older name what is about people');
select is(pg_temp.outcome('select from app.users'), '42501', 'but nothing else');
set local role roster_reporting;
select is(pg_temp.outcome('select from audit.user_audit_log'), '42501', 'a reporting tool does not read it');
reset role;

select * from finish();
rollback;
