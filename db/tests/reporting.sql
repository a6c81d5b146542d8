-- What reporting tools read. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
\ir catalog.psql
select plan(25);

\ir callers.psql

create function pg_temp.column_names(view regclass) returns text language sql as
  $$ select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = view and attnum > 0 and not attisdropped $$;
do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,carl,dora}'::text[]) n; end $$;
update app.users set status = 'active', is_email_verified = true, last_login_at = now() where username = 'ann';
update app.users set status = 'suspended', suspended_at = now(), locked_until = now() + interval '1 hour' where username = 'bob';
update app.users set status = 'deleted', deleted_at = now() where username = 'carl';
update app.users set created_at = now() - interval '31 days' where username in ('carl', 'dora');
update app.user_profiles set first_name = 'Ann' where user_id = pg_temp.id('ann');
insert into app.user_roles (user_id, role_id, expires_at) select pg_temp.id('ann'), id, case name when 'auditor' then now() - interval '1 day' end from app.roles where name in ('support', 'auditor');
do $$ begin
  perform admin.refresh_reporting(), set_config('request.context', '{"address": "192.0.2.7", "request_id": "r", "route": "api.x()"}', true);
  perform api.login('nobody', pg_temp.hash('nobody'));
end $$;

grant select on our_relations, secret_columns to public;
create role pgroster_test_report login;
grant roster_reporting to pgroster_test_report;
set local session authorization pgroster_test_report;
select is((select (username, status, first_name, roles)::text from reporting.v_users_complete where email = 'ann@example.org'), '(ann,active,Ann,"{support,user}")', 'an account has its profile and the roles in force');
select is((select count(*) from reporting.v_users_complete), 4::bigint, 'deleted accounts are there too');
select is((select (users, active, inactive, suspended, deleted, locked, verified, registered_last_30_days, signed_in_last_30_days)::text from reporting.v_active_users_summary), '(3,1,1,1,1,1,1,2,1)', 'the summary counts');
select is(pg_temp.column_names('reporting.v_users_complete'),
  'id email username status is_email_verified is_phone_verified failed_login_attempts locked_until last_login_at gdpr_consent_at data_retention_until created_at updated_at deleted_at first_name last_name phone locale avatar_url metadata roles',
  'the columns are these, in this order: tools rely on them');
select is(pg_temp.column_names('reporting.v_active_users_summary'),
  'as_of users active inactive suspended deleted locked verified registered_last_30_days signed_in_last_30_days', 'and of the summary these');
select is(pg_temp.column_names('reporting.v_audit_events'), 'id occurred_at day action entity route is_request changed_fields reason', 'of events these: nobody''s values, and nobody''s id');
select is((select (day = (now() at time zone 'UTC')::date, action, is_request, count(*))::text from reporting.v_audit_events where action = 'account.registered' group by day, action, is_request), '(t,account.registered,t,4)', 'BR-233: events are counted by day and kind');
select is((select reason || ' ' || coalesce(route, '-') from reporting.v_audit_events where action = 'login.failed'), 'unknown api.x()', 'BR-233: and by reason and route');
select is_empty($$select action from reporting.v_audit_events e where e::text ~ '(ann|example\.org|192\.0\.2)'$$, 'BR-233: without what leads to anybody');
select is_empty(
  $$select r.name, verb from our_relations r, unnest('{select from %s,insert into %s default values,delete from %s,truncate %s}'::text[]) verb
    where r.kind in ('r', 'p', 'v', 'm') and (r.schema <> 'reporting' or verb !~ '^select') and pg_temp.outcome(format(verb, r.name)) not in ('42501', '42809', '55000')$$,
  'a reporting tool reads and writes nothing else: no base table, no view of another schema');
select is_empty(
  $$select s.schemaname, s.tablename, s.attname from pg_stats s where s.schemaname in ('app', 'api', 'admin', 'private', 'http', 'audit')
    union all select x.schemaname, x.tablename, x.statistics_name from pg_stats_ext x where x.schemaname in ('app', 'api', 'admin', 'private', 'http', 'audit')$$,
  'nor what the planner knows of their values');
select is(pg_temp.outcome(statement), '42501', 'nor this: ' || statement)
from unnest(array['select from pg_statistic', 'select from pg_statistic_ext_data', 'select from pg_authid', 'select pg_read_file(''postgresql.conf'')', 'select pg_ls_logdir()',
  'copy (select 1) to program ''true''', 'select private.has_permission(''users:read'')', 'select http.login_hash(''ann'')', 'set role roster_user', 'set role roster_owner']) statement;
select is_empty(
  $$select a.query from pg_stat_activity a where a.usename <> 'pgroster_test_report' and a.query is distinct from '<insufficient privilege>' and a.backend_type = 'client backend'$$,
  'nor what others run, with the errors that they get');
select is_empty(
  $$select a.attname from pg_attribute a join secret_columns c on c.attname = a.attname where a.attrelid in ('reporting.v_users_complete'::regclass, 'reporting.v_active_users_summary'::regclass)$$,
  'and no column of a view is called like a secret');
select is(pg_temp.outcome('insert into app.consents default values'), '42501', 'and writes nothing');
select is(pg_temp.outcome('select admin.refresh_reporting()'), '42501', 'nor has anything counted again');
reset session authorization;

select * from finish();
rollback;
