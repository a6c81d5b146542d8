-- Operators in psql: as themselves, and as a user. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(63);

\ir callers.psql

create function pg_temp.last(field text) returns text language sql security definer as
  $$ select to_jsonb(l) ->> last.field from audit.audit_logs l order by l.id desc limit 1 $$;
create function pg_temp.session_of(name text) returns app.sessions language sql security definer as
  $$ select s from app.sessions s where s.user_id = pg_temp.id(session_of.name) order by s.id desc limit 1 $$;
do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,root}'::text[]) n; end $$;
call pg_temp.grant_role('root', 'admin');
do $$ begin perform set_config('request.context', '', true), set_config('request.session', '', true); end $$;
set local client_min_messages = error;

-- Operators are members of roster_dba, not superusers.
create role pgroster_test_operator login;
create role pgroster_test_auditor login;
grant roster_dba to pgroster_test_operator;
grant roster_auditor to pgroster_test_auditor;
set local session authorization pgroster_test_operator;

-- As themselves
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'an operator is no user');
select is((select count(*) from unnest((api.list_users()).items)), 3::bigint, 'but lists the accounts');
select is((api.get_user(pg_temp.id('ann'))).username, 'ann', 'sees each');
select is((api.suspend_user(pg_temp.id('ann'))).status::text, 'suspended', 'suspends');
select is(pg_temp.last('database_role') || coalesce(pg_temp.last('actor_user_id'), ' nobody'), 'pgroster_test_operator nobody', 'BR-509: under their own name in the log');
select is((api.reactivate_user(pg_temp.id('ann'))).status::text, 'inactive', 'reactivates');
select is(pg_temp.outcome(format('select api.delete_user(%L)', pg_temp.id('bob'))), 'ok', 'deletes');
select is(pg_temp.outcome(format('select api.restore_user(%L)', pg_temp.id('bob'))), 'ok', 'restores');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('bob'), 'admin')), 'ok', 'makes administrators');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('bob'), 'admin')), 'ok', 'and ends that');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('root'), 'admin')), 'last_admin', 'under the same rules as everybody');
select is(pg_temp.outcome(format('select api.get_user(%L)', gen_random_uuid())), 'not_found', 'with the same answers');
select ok(cardinality((api.list_audit_logs("limit" => 100)).items) > 10, 'reads the log');
select is(pg_temp.outcome('select api.list_roles()'), 'ok', 'and the roles');
select ok((select count(*) from http.problems()) > 20, 'the errors are documented in psql too');
select is(pg_temp.outcome('update app.settings set lock_after_failures = 5'), 'ok', 'changes a setting');
select is(pg_temp.last('action') || pg_temp.last('new_values') || pg_temp.last('database_role'), 'settings.updated{"lock_after_failures": 5}pgroster_test_operator', 'which the log tells');
select is(pg_temp.outcome('update app.settings set lock_after_failures = 1'), '23514', 'within its limits');

-- Not more than that
select is(pg_temp.outcome(statement), '42501', 'an operator may not: ' || statement)
from unnest(array['select password_hash from app.users', 'select from app.refresh_tokens', 'select secret_hash from app.sessions', 'select payload from app.outbox', 'select from private.secrets',
  'update private.clock set shift = interval ''1 day''', 'update app.users set status = ''active''', 'delete from app.users', 'insert into app.user_roles default values',
  'delete from audit.audit_logs', 'select http.login_hash(''ann'')', 'select http.enter(''api.get_me()'', ''{}'')', 'delete from app.settings', 'alter table app.users disable trigger all', 'select private.find_user(''ann'')']) statement;
select is(pg_temp.outcome('update app.users set username = ''x_y'''), 'ok', 'row-level security shows an operator no account to change directly');
reset session authorization;
select is((select count(*) from app.users where username = 'x_y'), 0::bigint, 'so none has changed');
set local session authorization pgroster_test_operator;

-- As a user
select is(admin.act_as('Ann@example.org'), pg_temp.id('ann'), 'an operator acts as a user');
select is(pg_temp.last('action') || ' ' || pg_temp.last('database_role') || ' ' || (pg_temp.last('user_id')::uuid = pg_temp.id('ann')), 'operator.acted_as pgroster_test_operator true', 'which is an event');
select is((api.get_me()).username, 'ann', 'and then is that user to the functions about "me"');
select is((pg_temp.session_of('ann')).database_role, 'pgroster_test_operator', 'BR-115: by a session that names the operator');
select ok((pg_temp.session_of('ann')).expires_at - private.now() between '59 minutes' and '60 minutes', 'and lasts an hour');
select is((select (s.id, s.is_current)::text from unnest((api.list_my_sessions()).items) s), format('(%s,t)', (pg_temp.session_of('ann')).id), 'BR-115: which the user finds in the list of their sessions');
select is((api.update_me('{first_name}', first_name => 'Ann')).first_name, 'Ann', 'the operator changes their profile');
select is(pg_temp.last('database_role') || (pg_temp.last('actor_user_id')::uuid = pg_temp.id('ann')) || (pg_temp.last('actor_session_id')::uuid = (pg_temp.session_of('ann')).id), 'pgroster_test_operatortruetrue', 'the log names both');
select is(pg_temp.outcome('select api.change_password(''$2b$12$'' || repeat(''b'', 53))'), 'ok', 'and sets a password without the old one, having shown who they are to the database');
select is(pg_temp.outcome('select admin.act_as(''nobody'')'), 'not_found', 'nobody acts as nobody');
select is((api.get_me()).username, 'ann', 'which leaves things as they were');
select is(admin.act_as('bob'), pg_temp.id('bob'), 'acting as another');
select is((pg_temp.session_of('ann')).revoked_reason, 'released', 'ends the first session');
select is((api.get_me()).username, 'bob', 'and is the other');
select is(admin.act_as(null), null, 'null ends it');
select is((pg_temp.session_of('bob')).revoked_reason, 'released', 'with its session');
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'and the operator is nobody again');
do $$ begin perform admin.act_as('bob'); end $$;
reset session authorization;
update private.clock set shift = '61 minutes';
set local session authorization pgroster_test_operator;
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'an hour later it is over by itself');

-- A request role is no operator
set local role roster_user;
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'an operator who takes the role of a request has the rights of one');
select is(pg_temp.outcome('select admin.act_as(''ann'')'), '42501', 'and acts as nobody');
reset session authorization;
grant usage on schema admin to roster_user;
grant execute on function admin.act_as(text) to roster_user;
set local role roster_user;
select is(pg_temp.outcome('select admin.act_as(''ann'')'), 'forbidden', 'not even with the privilege: it asks who is an operator itself');
reset role;
do $$ begin
  perform private.change_status((select u.id from app.users u where u.username = 'ann'), 'suspend');
end $$;
select is(pg_temp.outcome('select admin.act_as(''ann'')'), 'status_conflict', 'nobody acts as somebody who may not sign in');

-- Others
set local session authorization pgroster_test_auditor;
select ok((select count(*) from audit.audit_logs) > 10, 'an auditor reads the log');
select is(pg_temp.outcome(statement), '42501', 'and may not: ' || statement)
from unnest(array['select admin.act_as(''ann'')', 'select api.list_users()', 'select from app.users', 'update app.settings set service_name = ''x''']) statement;
set local session authorization roster_authenticator;
select is(pg_temp.outcome('select admin.act_as(''ann'')'), '42501', 'the service acts as nobody');
reset session authorization;

select * from finish();
rollback;
