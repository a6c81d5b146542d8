-- The states of an account, and what leads from one to another. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(63);
\ir people.psql

-- Every transition from every state, for an account with a verified address and for one without.
create function pg_temp.account(status text, is_verified boolean) returns uuid language plpgsql as $$
declare
  v_id uuid;
begin
  insert into app.users (email, username, status, is_email_verified, suspended_at, deleted_at)
  values (left(private.random_token(), 20) || '@example.org', 'u' || left(md5(random()::text), 20), account.status, is_verified,
          case when account.status = 'suspended' then private.now() end, case when account.status = 'deleted' then private.now() end)
  returning id into v_id;
  return v_id;
end
$$;
create function pg_temp.transition(status text, is_verified boolean, transition text) returns text language plpgsql as $$
declare
  v_id      uuid := pg_temp.account(transition.status, is_verified);
  v_outcome text := pg_temp.outcome('operator', case transition.transition
    when 'verify' then format('select private.confirm_email(u, u.email) from app.users u where u.id = %L', v_id)
    else format('select api.%s_user(%L)', transition.transition, v_id) end);
begin
  return case when v_outcome ~ '^(ok|\()' then (select u.status::text from app.users u where u.id = v_id) else v_outcome end;
end
$$;
select is(pg_temp.transition(status, is_verified, transition), outcome, format('BR-007: %s, %s: %s -> %s', status, case when is_verified then 'verified' else 'not verified' end, transition, outcome))
from (values
  ('active',    true,  'suspend',    'suspended'),
  ('active',    true,  'reactivate', 'status_conflict'),
  ('active',    true,  'delete',     'deleted'),
  ('active',    true,  'restore',    'status_conflict'),
  ('inactive',  false, 'suspend',    'suspended'),
  ('inactive',  false, 'reactivate', 'status_conflict'),
  ('inactive',  false, 'delete',     'deleted'),
  ('inactive',  false, 'restore',    'status_conflict'),
  ('suspended', true,  'suspend',    'status_conflict'),
  ('suspended', true,  'reactivate', 'active'),
  ('suspended', false, 'reactivate', 'inactive'),
  ('suspended', true,  'delete',     'deleted'),
  ('suspended', true,  'restore',    'status_conflict'),
  ('deleted',   true,  'suspend',    'status_conflict'),
  ('deleted',   true,  'reactivate', 'status_conflict'),
  ('deleted',   true,  'delete',     'status_conflict'),
  ('deleted',   true,  'restore',    'active'),
  ('deleted',   false, 'restore',    'inactive')) t (status, is_verified, transition, outcome);
select is(pg_temp.outcome('operator', format('select api.%s_user(%L)', transition, gen_random_uuid())), 'not_found', format('to %s nobody: not_found', transition))
from unnest(array['suspend', 'reactivate', 'delete', 'restore', 'unlock', 'anonymize']) transition;
select throws_ok(format('update app.users set %s where id = %L', change, pg_temp.account('active', true)), '23514', null, format('BR-008: no account has %s', change))
from unnest(array[$$status = 'deleted'$$, $$deleted_at = now()$$, $$status = 'suspended'$$, $$status = 'gone', deleted_at = now()$$, 'is_email_verified = false']) change;
select is(count(*), 1::bigint, 'BR-007: one function changes the status') from pg_proc p where p.prosrc ~ 'status = v_target';

-- What a suspension and a deletion end
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('cid'), pg_temp.person('root', 'admin'); end $$;
select is(pg_temp.outcome('root', 'select (api.suspend_user(%L)).status', pg_temp.id('ann')::text), 'suspended', 'an administrator suspends an account');
select is(pg_temp.outcome('ann', 'select api.get_me()'), 'authentication_required', 'BR-009: a suspended person''s sessions end at once');
select is(pg_temp.outcome(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('a'))), 'invalid_credentials', 'BR-009: and they cannot sign in');
select is((select s.revoked_reason from app.sessions s where s.user_id = pg_temp.id('ann')), 'suspended', 'the session says why it ended');
select is(private.find_user('ann'), pg_temp.id('ann'), 'BR-001: a suspended account keeps its address and name');
select is(pg_temp.outcome('root', 'select (api.reactivate_user(%L)).status', pg_temp.id('ann')::text), 'active', 'and reactivates it');
select is(pg_temp.outcome('ann', 'select api.get_me()'), 'authentication_required', 'BR-009: the old session stays ended');
select is((select u.suspended_at from app.users u where u.username = 'ann'), null, 'nothing is left of the suspension');
select is(pg_temp.outcome('bob', format('select api.delete_me(%L)', pg_temp.hash('x'))), 'reauthentication_failed', 'BR-020: to leave takes the password');
select is(pg_temp.outcome('bob', format('select api.delete_me(%L)', pg_temp.hash('a'))), 'ok', 'a person leaves');
select is(pg_temp.outcome('bob', 'select api.get_me()'), 'authentication_required', 'BR-009: all their sessions end at once');
select is(private.find_user('bob@example.org'), null, 'BR-010: the address of a deleted account is free at once');

-- The way back
do $$ begin perform set_config('test.bob', pg_temp.id('bob')::text, true); end $$;
select is(pg_temp.outcome('root', 'select (api.restore_user(%L)).status', current_setting('test.bob')), 'active', 'a deleted account is restored');
do $$ begin perform api.delete_user(pg_temp.id('bob')), private.create_account('BOB@example.org', 'bob2', null, null, null, null, 'en'); end $$;
select is(pg_temp.outcome('root', 'select api.restore_user(%L)', current_setting('test.bob')), 'email_taken', 'BR-011: not when somebody has taken its address');
do $$ begin perform api.delete_user(private.find_user('bob2')), private.create_account('bob3@example.org', 'BOB', null, null, null, null, 'en'); end $$;
select is(pg_temp.outcome('root', 'select api.restore_user(%L)', current_setting('test.bob')), 'username_taken', 'BR-011: nor its name');
do $$ begin perform api.delete_user(private.find_user('bob3@example.org')); update private.clock set shift = '30 days 1 minute'; end $$;
select is(pg_temp.outcome('operator', 'select api.restore_user(%L)', current_setting('test.bob')), 'restore_expired', 'BR-011: nor after thirty days');
update app.settings set restore_within = '31 days';
select is(pg_temp.outcome('operator', 'select admin.restore_user(%L)', current_setting('test.bob')), 'ok', 'BR-011: which is a setting');
update private.clock set shift = '0';
do $$ begin perform api.suspend_user(pg_temp.id('cid')), api.delete_user(pg_temp.id('cid')); end $$;
select is(pg_temp.outcome('root', 'select (api.restore_user(%L)).status', pg_temp.id('cid')::text), 'suspended', 'BR-012: to delete and restore an account does not lift a suspension');
select is(pg_temp.outcome('root', 'select (api.reactivate_user(%L)).status', pg_temp.id('cid')::text), 'active', 'its own way back does');
select is(pg_temp.outcome('operator', 'select admin.soft_delete_user(%L)', pg_temp.id('cid')::text), 'ok', 'an operator deletes by the older name');
select is((select l.database_role from audit.audit_logs l where l.action = 'users.updated' and l.user_id = pg_temp.id('cid') order by l.id desc limit 1), session_user::text, 'BR-205: with their own login in the log');

-- The last administrator
select is(pg_temp.outcome('root', format(statement, pg_temp.id('root'))), 'last_admin', 'BR-504: not by ' || statement)
from unnest(array['select api.suspend_user(%L)', 'select api.delete_user(%L)', 'select api.anonymize_user(%L)', $$select api.remove_role(%L, 'admin')$$,
                  $$select api.assign_role(%L, 'admin', now() + interval '1 hour')$$, format('select api.delete_me(%L) where %%L is not null', pg_temp.hash('a'))]) statement;
do $$ begin perform pg_temp.person('temp'), api.assign_role(pg_temp.id('temp'), 'admin', now() + interval '1 hour'); end $$;
select is(pg_temp.outcome('root', format('select api.delete_user(%L)', pg_temp.id('root'))), 'last_admin', 'BR-504: an administrator for a time does not count');
do $$ begin perform private.create_account('guest@example.org', 'guest', null, null, null, null, 'en');
  perform api.assign_role(private.find_user('guest'), 'admin'); end $$;
select is(pg_temp.outcome('root', format('select api.delete_user(%L)', pg_temp.id('root'))), 'last_admin', 'BR-504: nor one who has never set a password');
do $$ begin perform pg_temp.person('boss', 'admin'), api.suspend_user(pg_temp.id('boss')); end $$;
select is(pg_temp.outcome('root', format('select api.delete_user(%L)', pg_temp.id('root'))), 'last_admin', 'BR-504: nor a suspended one');
do $$ begin perform api.reactivate_user(pg_temp.id('boss')), pg_temp.sign_in('boss'); end $$;
select is(pg_temp.outcome('root', format('select api.delete_user(%L)', pg_temp.id('root'))), 'ok', 'with another administrator anybody can go');

-- The lock
update app.users set failed_login_attempts = 10, locked_until = private.now() + interval '1 hour' where username = 'ann';
select is(pg_temp.outcome('boss', 'select (api.unlock_user(%L)).status', pg_temp.id('ann')::text), 'active', 'an administrator ends a lock');
select is(pg_temp.outcome(null, format('select (api.login(%L, %L)).token_type', 'ann', pg_temp.hash('a'))), 'Bearer', 'BR-405: and the person signs in');

select * from finish();
rollback;
