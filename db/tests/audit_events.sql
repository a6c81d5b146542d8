-- Events that change no row of their own, each as it is recorded, and the vocabulary. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(73);
\ir people.psql
do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('root', 'admin'), pg_temp.person('audrey', 'auditor');
  update app.settings set lock_after_failures = 3;
end $$;

-- The events that a statement of somebody leaves, in order: action, whom it is about, who did it, details.
create function pg_temp.events_of(name text, statement text) returns text language plpgsql as $$
declare
  v_before bigint := (select max(l.id) from audit.audit_logs l);
begin
  if name = 'service' then
    set local session authorization roster_authenticator;
    execute statement;
    set local session authorization default;
  else
    perform pg_temp.outcome(name, statement);
  end if;
  perform set_config('role', 'none', true), set_config('request.session', '', true), set_config('request.context', '', true);
  return (
    select string_agg(concat_ws(' ', l.action, coalesce(about.username, '-'), coalesce(actor.username, '-'), l.details), '; ' order by l.id)
    from audit.audit_logs l
    left join app.users about on about.id = l.user_id
    left join app.users actor on actor.id = l.actor_user_id
    where l.id > v_before and l.action in (select e.action from audit.events() e));
end
$$;
create function pg_temp.events_of(name text, statement text, value text) returns text language sql as $$
  select pg_temp.events_of(name, format(statement, value))
$$;
create function pg_temp.enter(name text, route text, more jsonb default '{}') returns text language sql as $$
  select format('select http.enter(%L, %L)', route, jsonb_strip_nulls(jsonb_build_object(
    'session', (select p.secret from people p where p.name = enter.name), 'address', '198.51.100.7', 'request_id', 'r')) || more)
$$;
create function pg_temp.events_at_the_door(statement text) returns text language sql as $$ select pg_temp.events_of('service', statement) $$;
create function pg_temp.refresh_token(name text) returns text language sql as
  $$ select (api.login(refresh_token.name, pg_temp.hash('a'))).refresh_token $$;

-- Signing in
select is(pg_temp.events_of(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('a'))), 'login.succeeded ann ann', 'BR-230: a sign-in');
select is(pg_temp.events_of(null, format('select api.login(%L, %L)', 'nobody', pg_temp.hash('a'))), 'login.failed - - {"reason": "unknown"}', 'BR-230: a failed one of nobody known');
select is(pg_temp.events_of(null, format('select api.login(%L, %L)', 'bob', pg_temp.hash('x'))), 'login.failed bob - {"reason": "wrong_password"}', 'BR-230: with a wrong password');
do $$ begin perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'bob', pg_temp.hash('x'))); end $$;
select is(pg_temp.events_of(null, format('select api.login(%L, %L)', 'bob', pg_temp.hash('x'))),
  'login.failed bob - {"reason": "wrong_password"}; account.locked bob - {"scope": "source", "failures": 3}', 'BR-230: the one that locks');
select is(pg_temp.events_of(null, format('select api.login(%L, %L)', 'bob', pg_temp.hash('a'))), 'login.failed bob - {"reason": "locked"}', 'BR-230: one during a lock');
select is(pg_temp.events_of('root', 'select api.unlock_user(%L)', pg_temp.id('bob')::text), null, 'to end a lock is a change of rows');
select is((select string_agg(l.action || ' ' || (l.actor_user_id = pg_temp.id('root')), ' ' order by l.action)
  from (select * from audit.audit_logs order by id desc limit 2) l), 'login_sources.updated true users.updated true', 'and says who ended it');
select is(pg_temp.events_of(null, format('select api.login(%L, %L, upgraded_hash => %L)', 'bob', pg_temp.hash('a'), pg_temp.hash('a'))), 'password.rehashed bob -; login.succeeded bob bob', 'BR-230: an outdated hash');
select is(pg_temp.events_of('operator', 'select admin.act_as(%L)', 'bob'), 'operator.acted_as bob bob', 'BR-230: an operator as a person');
select is(pg_temp.events_of('ann', $$select api.delete_me('$$ || pg_temp.hash('x') || $$')$$), 'login.failed ann ann {"reason": "wrong_password"}', 'BR-230: a password that is asked for again');

-- Refresh tokens
do $$ begin perform set_config('test.token', pg_temp.refresh_token('ann'), true); end $$;
select is(pg_temp.events_of(null, 'select api.refresh(%L)', 'made up'), 'refresh_token.refused - - {"code": "token_invalid"}', 'BR-230: a token that is none');
select is(pg_temp.events_of(null, 'select api.refresh(%L)', current_setting('test.token')), null, 'a rotation is a change of rows');
select matches(pg_temp.events_of(null, 'select api.refresh(%L)', current_setting('test.token')), '^refresh_token\.retried ann ann \{"session_id": "[-0-9a-f]{36}"\}$', 'BR-230: a retry');
update app.refresh_tokens set successor_salt = null;
select matches(pg_temp.events_of(null, 'select api.refresh(%L)', current_setting('test.token')), '^refresh_token\.reused ann - \{"session_id": "[-0-9a-f]{36}"\}$', 'BR-230: a token that was used before');
select is(pg_temp.events_of(null, 'select api.refresh(%L)', current_setting('test.token')), 'refresh_token.refused ann - {"code": "session_expired"}', 'BR-230: one of a session that has ended');
select matches(pg_temp.events_of(null, 'select api.logout(%L)', pg_temp.refresh_token('ann')), '^session\.logged_out ann - \{"session_id": "[-0-9a-f]{36}"\}$', 'BR-230: signing out');

-- Accounts
select is(pg_temp.events_of(null, format('select api.register(%L, %L, %L, true)', 'cid@example.org', 'cid', pg_temp.hash('a'))), 'account.registered cid -', 'BR-230: a registration');
select is(pg_temp.events_of('root', $$select api.create_user('dan@example.org', 'dan')$$), 'account.invited dan root', 'BR-230: an invitation');
select is(pg_temp.events_of('operator', $$select admin.import_user('eve@example.org', 'eve')$$), 'account.imported eve -', 'BR-230: an import');
select is(pg_temp.events_of(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'cid@example.org')), 'email.verified cid -', 'BR-230: a verified address');
select is(pg_temp.events_of('ann', format('select api.change_email(%L, %L)', 'ann@example.net', pg_temp.hash('a'))), 'email.change_requested ann ann', 'BR-230: a new address');
select is(pg_temp.events_of(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'ann@example.net')), 'email.changed ann -', 'BR-230: that takes effect');
select is(pg_temp.events_of(null, 'select api.request_email_verification(%L)', 'eve@example.org'), 'email.verification_requested eve -', 'BR-230: a verification mail');
select is(pg_temp.events_of(null, 'select api.request_email_verification(%L)', 'nobody@example.org'), 'email.verification_requested - -', 'BR-230: also for nobody known');
select is(pg_temp.events_of(null, 'select api.forgot_password(%L)', 'nobody@example.net'), 'password.reset_requested - -', 'BR-230: a reset for nobody known');
select is(pg_temp.events_of(null, 'select api.forgot_password(%L)', 'ann@example.net'), 'password.reset_requested ann -', 'BR-230: a reset');
select is(pg_temp.events_of(null, format('select api.reset_password(%L, %L)', pg_temp.token('reset_password', 'ann@example.net'), pg_temp.hash('b'))), 'password.reset ann - {"purpose": "reset"}', 'BR-230: a password that was reset');
select is(pg_temp.events_of(null, format('select api.reset_password(%L, %L, true)', pg_temp.token('invitation', 'dan@example.org'), pg_temp.hash('b'))),
  'email.verified dan -; password.reset dan - {"purpose": "invitation"}', 'BR-230: an invitation that was taken up');
do $$ begin perform pg_temp.sign_in('ann'); end $$;
select is(pg_temp.events_of('ann', format('select api.change_password(%L, %L)', pg_temp.hash('c'), pg_temp.hash('b'))), 'password.changed ann ann', 'BR-230: a password that was changed');
select is(pg_temp.events_of('ann', $$select api.change_phone('+41791110001')$$), null, 'a code that is sent is a row of its own');
select is(pg_temp.events_of('ann', $$select api.verify_phone('000000')$$), 'phone.verification_failed ann ann', 'BR-230: a wrong code');
select is(pg_temp.events_of('ann', format('select api.verify_phone(%L)', (select m ->> 'code' from pg_temp.mails('verify_phone', '+41791110001') m))), 'phone.verified ann ann', 'BR-230: the right one');

-- Requests
select is(pg_temp.events_at_the_door(pg_temp.enter(null, 'api.get_me()')), 'request.refused - - {"code": "authentication_required"}', 'BR-230: a request without a session');
select is(pg_temp.events_at_the_door(pg_temp.enter(null, 'api.get_me()', '{"problem": "token_invalid"}')), 'request.refused - - {"code": "token_invalid"}', 'BR-230: with an access token that is none');
select is(pg_temp.events_at_the_door(pg_temp.enter(null, 'api.get_me()', '{"session": "made up"}')), 'request.refused - - {"code": "session_expired"}', 'BR-230: with a session that is none');
select is(pg_temp.events_at_the_door(pg_temp.enter('ann', 'api.get_my_consents()')), null, 'a request that is let in is no event');
select is(pg_temp.events_at_the_door(pg_temp.enter('ann', 'api.suspend_user(uuid)')), 'request.refused ann ann {"code": "forbidden"}', 'BR-230: without the permission');
select is(pg_temp.events_at_the_door(pg_temp.enter('root', 'api.suspend_user(uuid)', '{"stage": "prepare", "problem": "above_own_permissions"}')), 'request.refused root root {"code": "above_own_permissions"}', 'BR-230: what the operation refused');
select is(pg_temp.events_at_the_door(pg_temp.enter('root', 'api.suspend_user(uuid)', '{"stage": "prepare", "problem": "status_conflict"}')), null, 'what is no question of rights is no event');
insert into app.rate_limit_policies values ('trial', 1, '1 day', 'Tests') on conflict do nothing;
update app.rate_limit_policies set quota = 1 where name = 'register';
select is(pg_temp.events_at_the_door(pg_temp.enter(null, 'api.register(app.email,app.username,app.password_hash,boolean,app.person_name,app.person_name,app.phone,app.locale)')), null, 'a request within the limit is no event');
select is(pg_temp.events_at_the_door(pg_temp.enter(null, 'api.register(app.email,app.username,app.password_hash,boolean,app.person_name,app.person_name,app.phone,app.locale)')), 'request.rate_limited - - {"policy": "register"}', 'BR-230: the first over it');
update app.rate_limit_policies set quota = 1 where name = 'mail';
do $$ begin perform pg_temp.outcome(null, $q$select api.forgot_password('flood@example.org')$q$); end $$;
select is(pg_temp.events_of(null, $$select api.forgot_password('flood@example.org')$$), 'request.rate_limited - - {"policy": "mail"}', 'BR-230: a recipient who has had enough mail');
select is(pg_temp.events_of(null, $$select api.forgot_password('flood@example.org')$$), null, 'once a window');

-- Reading
select is(pg_temp.events_at_the_door(pg_temp.enter('ann', 'api.export_me()')), 'data.exported ann ann', 'BR-204: an export');
select is(pg_temp.events_at_the_door(pg_temp.enter('audrey', 'api.list_audit_logs(uuid,uuid,app.audit_action,timestamptz,timestamptz,text,app.count_kind,text,app.page_size)', '{"arguments": {"user_id": null, "action": "login.failed", "to": null}}')),
  'audit_logs.read audrey audrey {"action": "login.failed"}', 'BR-204: the log, with its filters');
select is(pg_temp.events_at_the_door(pg_temp.enter('audrey', 'api.list_audit_logs(uuid,uuid,app.audit_action,timestamptz,timestamptz,text,app.count_kind,text,app.page_size)', jsonb_build_object('arguments', jsonb_build_object('user_id', pg_temp.id('bob'))))),
  'audit_logs.read bob audrey', 'BR-204: of one person, about that person');
select is(pg_temp.events_at_the_door(pg_temp.enter('audrey', 'api.verify_audit_logs(timestamptz,timestamptz,text)')), 'audit_logs.verified audrey audrey', 'BR-204: a verification of the log');
select is(pg_temp.events_at_the_door(pg_temp.enter('audrey', 'api.get_user_history(uuid,timestamptz)', jsonb_build_object('arguments', jsonb_build_object('id', pg_temp.id('bob'), 'at', '2026-01-01T00:00:00Z')))),
  'user_history.read bob audrey {"at": "2026-01-01T00:00:00Z"}', 'BR-204: how somebody''s account was');
select is(pg_temp.events_of('operator', $$select (admin.user_as_of(%L, '9999-01-01')).id$$, pg_temp.id('bob')::text), 'user_history.read bob - {"at": "9999-01-01T00:00:00+00:00"}', 'BR-204: also in psql');
select is(pg_temp.events_at_the_door(pg_temp.enter('root', 'api.list_user_sessions(uuid,text,app.page_size)', jsonb_build_object('arguments', jsonb_build_object('id', pg_temp.id('bob'))))),
  'user_sessions.read bob root', 'BR-204: somebody''s sessions');

select is(pg_temp.events_at_the_door(pg_temp.enter('root', 'api.list_user_api_keys(uuid)', jsonb_build_object('arguments', jsonb_build_object('id', pg_temp.id('bob'))))),
  'user_api_keys.read bob root', 'BR-204: somebody''s API keys');

-- The second factor
create function pg_temp.step() returns bigint language sql as $$ select floor(extract(epoch from private.now()) / 30)::bigint $$;
create function pg_temp.sealed() returns text language sql as $$ select '0123456789abcdef.' || repeat('A', 64) $$;
do $$ begin perform pg_temp.person('mia'); end $$;
select is(pg_temp.events_of('mia', 'select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash(%L))', 'a'), 'mfa.enrolled mia mia', 'BR-230: an authenticator app');
select is(pg_temp.events_of('mia', 'select api.confirm_mfa(0)'), 'mfa.failed mia mia {"reason": "wrong_code"}', 'BR-230: a wrong code of it');
select is(pg_temp.events_of('mia', 'select api.confirm_mfa(pg_temp.step())'), 'mfa.confirmed mia mia', 'BR-230: the right one');
select is(pg_temp.events_of('mia', 'select api.disable_mfa(pg_temp.hash(%L), pg_temp.step())', 'a'), 'mfa.failed mia mia {"reason": "used_code"}', 'BR-230: a used one');
update app.recovery_codes set code_hash = private.recovery_digest(user_id, 'aaaaa-aaaaa-aaaaa-aaaaa-aaaaa') where id = (select c.id from app.recovery_codes c where c.user_id = pg_temp.id('mia') limit 1);
select is(pg_temp.events_of('mia', 'select api.renew_recovery_codes(pg_temp.hash(%L), recovery_code => $$aaaaa-aaaaa-aaaaa-aaaaa-aaaaa$$)', 'a'), 'recovery_code.used mia mia {"left": 9}; recovery_codes.renewed mia mia', 'BR-230: a recovery code, and new ones');
select is(pg_temp.events_of(null, 'select api.login(%L, pg_temp.hash($$a$$))', 'mia'), null, 'a password that is not enough is no sign-in yet');
select is((select l.action from audit.audit_logs l order by l.id desc limit 1), 'login_challenges.inserted', 'but a change of rows');
select is(pg_temp.events_of('root', 'select api.reset_user_mfa(%L)', pg_temp.id('mia')::text), 'mfa.disabled mia root', 'BR-230: a second factor that is taken away');

-- Operators
select is(pg_temp.events_of('operator', $$update app.jobs set next_run_at = '2999-01-01' where name = 'cleanup_expired_data' returning name$$) ~ '^job\.rescheduled - - \{"was": ".*", "name": "cleanup_expired_data", "next_run_at": "2999-01-01T00:00:00\+00:00"\}$', true, 'BR-230: a job that is put off');
select is(pg_temp.events_of('operator', $$update app.jobs set next_run_at = private.now(), last_run_at = private.now() where name = 'cleanup_expired_data' returning name$$), null, 'a run of a job is no event');

-- Truncation
set constraints all immediate;
select throws_ok(format('truncate %s cascade', name), 'UM403', null, format('BR-235: %s is not truncated', name)) from unnest('{app.users,app.outbox,private.secrets}'::text[]) name;

-- The vocabulary
select set_eq(
  $$select distinct l.action from audit.audit_logs l where l.entity is null
    union values ('users.seeded'), ('audit_partitions.archived'), ('audit_partitions.dropped')$$,
  'select e.action from audit.events() e', 'BR-231: every event of the vocabulary has happened above, and no other (seeding, archives and the drop of months have tests of their own)');
create temp view named_events as
  select p.oid::regprocedure as source, e[1] as action
  from pg_proc p, regexp_matches(p.prosrc, 'audit\.record_event\(([^;]*?)\)', 'g') c, regexp_matches(c[1], '''([a-z_]+\.[a-z_]+)''', 'g') e
  where p.pronamespace in ('api'::regnamespace, 'admin'::regnamespace, 'http'::regnamespace, 'private'::regnamespace, 'audit'::regnamespace)
  union all
  select p.oid::regprocedure, substring(obj_description(p.oid, 'pg_proc') from '(?n)^@audit[ ]+(\S+)')
  from pg_proc p where p.pronamespace = 'api'::regnamespace and obj_description(p.oid, 'pg_proc') ~ '(?n)^@audit ';
select is_empty('select * from named_events where action not in (select e.action from audit.events() e)', 'BR-231: every event that a function names is in the vocabulary');
select is_empty($$select e.action from audit.events() e where e.action not in (select action from named_events) and e.action <> 'users.seeded'$$, 'BR-231: every event of the vocabulary is named by a function');
select is_empty($$select action from audit.actions() where action !~ '^[a-z_]+\.[a-z_]+$' or meaning !~ '^[A-Z].*\.$' or kind not in ('event', 'change') group by action having count(*) > 1$$, 'an action has a form, a meaning and one entry');
select is_empty($$select e.action from audit.events() e where e.action ~ '\.(inserted|updated|deleted)$'$$, 'an event cannot be taken for a change');
select is_empty($$select l.action from audit.audit_logs l where l.action not in (select a.action from audit.actions() a)$$, 'BR-231: the log holds nothing that the vocabulary lacks');
select is((select count(*) from audit.actions() a where a.kind = 'change'), 3 * (select count(*) from pg_trigger t where t.tgname = '_900_record_change'), 'three actions for each table that is watched');
select is(pg_temp.outcome('audrey', 'select cardinality((api.list_audit_actions()).items)'), (select count(*)::text from audit.actions()), 'who may read the log may read the vocabulary');
select is(pg_temp.outcome('ann', 'select api.list_audit_actions()'), 'forbidden', 'BR-501: and nobody else');

select * from finish();
rollback;
