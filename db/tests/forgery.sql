-- What the service's own login gains by hand: settings, roles, tables, shadows. Nothing. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(87);

\ir callers.psql

do $$ begin perform pg_temp.person(n) from unnest('{ann,root}'::text[]) n; end $$;
call pg_temp.grant_role('root', 'admin');
create temp table reply as select pg_temp.sign_in('root') as r;
create temp table known as
  select s.id, encode(s.secret_hash, 'hex') as digest, r ->> 'secret' as secret from reply join app.sessions s on s.id::text = r ->> 'session_id';
grant select on known to public;
do $$ begin perform set_config('request.session', '', true); end $$;
set local session authorization roster_authenticator;

-- As itself
create function pg_temp.tables() returns setof text language sql as
  $$ select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace = any ('{app,private,audit,http,reporting}'::regnamespace[]) $$;
select set_eq(
  $$select t from pg_temp.tables() t where pg_temp.outcome('select from ' || t) = 'ok'$$,
  array['app.schema_migrations', 'app.rate_limit_policies', 'http.deployed'],
  'the service''s login reads which steps and functions there are, and the limits');
select is_empty(
  $$select t from pg_temp.tables() t where pg_temp.outcome('delete from ' || t) <> '42501' or pg_temp.outcome('insert into ' || t || ' default values') <> '42501' or pg_temp.outcome('truncate ' || t) <> '42501'$$,
  'and writes no table');
select is(pg_temp.outcome(statement), '42501', 'it may not: ' || statement)
from unnest(array['set role roster_owner', 'set role roster_dba', 'set role roster_audit_owner', 'set role roster_auditor', 'set role roster_reporting',
  'create schema mine', 'create function public.f() returns integer language sql as ''select 1''', 'create table api.t ()', 'alter role roster_authenticator superuser',
  'grant roster_dba to roster_authenticator', 'select private.now()', 'select private.has_permission(''users:read'')', 'select audit.record_event(''a.b'')', 'select admin.act_as(''root'')',
  'alter table app.users disable row level security', 'alter table app.users disable trigger user', 'create policy p on app.users using (true)', 'drop table app.users',
  'comment on function api.get_stats() is ''@http GET /v1/stats''',
  'grant select on app.users to roster_authenticator', 'create or replace function api.get_me() returns api.user language sql as ''select null::api.user''',
  'alter default privileges for role roster_owner grant select on tables to roster_authenticator', 'set session_replication_role = replica', 'set log_statement = none',
  'alter database ' || quote_ident(current_database()) || ' set search_path = public', 'create extension pg_trgm', 'create publication p for all tables',
  'copy (select 1) to program ''true''', 'copy (select 1) to ''/tmp/stolen''', 'select pg_read_file(''postgresql.conf'')', 'select from pg_authid', 'select from pg_statistic',
  'update app.rate_limit_policies set quota = 1000000', 'update app.jobs set is_enabled = false', 'refresh materialized view reporting.v_active_users_summary']) statement;
select is_empty($$select s.tablename from pg_stats s where s.schemaname in ('app', 'private', 'audit')$$, 'nor see what the planner knows of values');
select is_empty($$select a.query from pg_stat_activity a where a.usename <> session_user and a.backend_type = 'client backend' and a.query <> '<insufficient privilege>'$$, 'nor what others run');
select is(pg_temp.outcome('select set_config(''role'', ''roster_dba'', true)'), '42501', 'nor set the role by another way');
select is(pg_temp.outcome(format('select api.%s(%L)', f, pg_temp.id('ann'))), 'forbidden', f || ' asks for the permission itself')
from unnest('{delete_user,restore_user,suspend_user,reactivate_user,unlock_user}'::text[]) f;
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'list_users too');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'admin')), 'forbidden', 'assign_role too');
select is(pg_temp.outcome(statement), 'authentication_required', 'without a session there is no: ' || statement)
from unnest(array['select api.revoke_my_other_sessions()', 'select api.change_password(pg_temp.hash(''x''))', 'select api.delete_me()']) statement;

-- With settings made by hand
create function pg_temp.forge(session text, statement text, context text default '{}', role text default 'roster_user') returns text language plpgsql as $$
declare
  v_outcome text;
begin
  perform set_config('request.session', forge.session, true), set_config('request.context', forge.context, true), set_config('role', forge.role, true);
  v_outcome := pg_temp.outcome(forge.statement);
  perform set_config('role', 'none', true), set_config('request.session', '', true);
  return v_outcome;
end
$$;
select is(pg_temp.forge(session, 'select api.get_me()'), 'authentication_required', 'a session is known by its secret, not by ' || what)
from known k, lateral (values ('its public id', k.id::text), ('its digest', k.digest), ('its digest as PostgreSQL writes it', '\x' || k.digest), ('nothing', ''), ('a user''s id', pg_temp.id('root')::text)) t (what, session);
select is(pg_temp.forge('', 'select api.list_users()', context), 'forbidden', 'what the service tells about a request gives no right: ' || context)
from unnest(array['{"role": "roster_dba"}', '{"user_id": "x", "permission": "users:read"}', '{"session": "x"}', '{"route": "api.list_users()"}']) context;
create function pg_temp.rows_seen(t text) returns bigint language plpgsql as $$
declare
  v_rows bigint;
begin
  execute 'select count(*) from ' || t into v_rows;
  return v_rows;
exception when insufficient_privilege then
  return 0;
end
$$;
create function pg_temp.rows_written(statement text) returns bigint language plpgsql as $$
declare
  v_rows bigint;
begin
  execute statement;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
set local role roster_user;
select is((select sum(pg_temp.rows_seen(t)) from pg_temp.tables() t where t not in ('app.permissions', 'app.roles', 'app.role_permissions')), 0::numeric, 'the role of a request without a session sees no row of anybody');
select is_empty(
  $$select t from pg_temp.tables() t where pg_temp.outcome('delete from ' || t) = 'ok' or pg_temp.outcome('truncate ' || t) = 'ok'$$,
  'and deletes none');
reset role;
select is(pg_temp.forge((select secret from known), 'select api.list_users()'), 'ok', 'who has the secret of a live session is that session: the service''s login is trusted with what requests bring');
select is(http.login_hash('ann') is not null, true, 'and with the hashes, which it has to verify');
select is(pg_temp.forge('', 'select http.login_hash(''ann'')'), '42501', 'a request is not');

-- What it has to be trusted with, and the trace that it leaves
set local role roster_user;
do $$ begin perform set_config('request.session', (select secret from known), true); end $$;
select is(pg_temp.rows_written('update app.user_profiles set first_name = ''Mine'''), 1::bigint, 'as a session it changes that person''s profile and no other');
select is(pg_temp.rows_written('update app.users set username = ''root'''), 1::bigint, 'nor another''s name');
select is(pg_temp.outcome(statement), '42501', 'and not by hand: ' || statement)
from unnest(array['update app.users set status = ''active''', 'update app.users set is_email_verified = true', 'update app.users set password_hash = null',
  'update app.sessions set expires_at = ''infinity''', 'insert into app.user_roles select', 'delete from app.sessions', 'delete from app.users',
  'select u.password_hash from app.users u', 'select s.secret_hash from app.sessions s', 'insert into app.consents default values']) statement;
reset role;
do $$ begin perform set_config('request.session', '', true); end $$;
select is(pg_temp.outcome('set row_security = off; set role roster_user; select from app.users'), '42501', 'nor does it get around policies by switching them off');
reset role;
reset row_security;
select is(pg_temp.outcome(format('select api.login(''ann'', %L)', http.login_hash('ann'))), 'ok', 'with a hash it signs in as that person: it is what checks passwords');
select is(pg_temp.outcome('select http.claim_message()'), 'ok', 'it takes messages from the outbox, with the tokens in them: it is what sends them');
select is(pg_temp.outcome(statement), 'ok', 'nobody keeps a login from being a nuisance: ' || statement)
from unnest(array['select pg_advisory_xact_lock(1)', 'select lo_create(0)', 'notify pgroster_outbox', 'create temp table nuisance as select 1 as n']) statement;

-- Shadows
create temp table users (id uuid, username text);
create temp table sessions (id uuid);
create temp table settings (lock_after_failures integer);
create temp table user_roles (user_id uuid);
create temp table role_permissions (permission text);
create temp table live_sessions (user_id uuid);
create temp table audit_logs (id bigint);
create temp table uuid (shadow integer);
create temp table name (shadow integer);
create temp table text (shadow integer);
create temp table jsonb (shadow integer);
create function pg_temp.has_permission(pg_catalog.text) returns boolean language sql as 'select true';
create function pg_temp.is_dba() returns boolean language sql as 'select true';
create function pg_temp.digest(pg_catalog.text) returns bytea language sql as 'select ''''::bytea';
grant all on users, sessions, settings, user_roles, role_permissions, live_sessions, audit_logs, uuid, name, text, jsonb to public;
set local search_path = pg_temp, public, app, private, pg_catalog;
create function pg_temp.shadowed() returns pg_catalog.text[] language plpgsql as $$
begin
  return array[
    pg_temp.forge('', 'select api.list_users()'),
    pg_temp.forge('', 'select api.get_me()'),
    pg_temp.forge((select secret from known), 'select api.get_me()'),
    pg_temp.forge((select secret from known), 'select api.list_users(q => ''ann'')'),
    pg_temp.forge('', 'select api.login(''ann'', pg_temp.hash(''ann''))', '{}', 'roster_anonymous'),
    pg_temp.forge('', 'select api.login(''ann'', pg_temp.hash(''bob''))', '{}', 'roster_anonymous'),
    pg_temp.forge('', 'select api.register(''eve@example.org'', ''eve'', pg_temp.hash(''eve''), true)', '{}', 'roster_anonymous')]::pg_catalog.text[];
end
$$;
do $$ begin perform set_config('test.shadowed', pg_catalog.array_to_string(pg_temp.shadowed(), ' '), true); end $$;
drop table pg_temp.text, pg_temp.name, pg_temp.uuid, pg_temp.jsonb;
set local search_path = pg_catalog, public;
select is(current_setting('test.shadowed'), 'forbidden authentication_required ok ok ok invalid_credentials ok', 'tables, types and functions of the same names, first in the search path, change no answer');
reset session authorization;
select is((select l.database_role from audit.audit_logs l where l.action = 'login.succeeded' and l.user_id = pg_temp.id('ann') order by l.id desc limit 1), 'roster_authenticator', 'the log has every sign-in, with the login that made it');
select is((select count(*) from pg_temp.users) + (select count(*) from pg_temp.sessions) + (select count(*) from pg_temp.audit_logs), 0::bigint, 'and take no row');
select ok(exists (select from app.users where username = 'eve'), 'what was registered stands in the true table');

select * from finish();
rollback;
