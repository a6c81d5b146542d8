-- Deleting, restoring, suspending, reactivating and unlocking accounts. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(74);

\ir callers.psql

create temp table kept (name text primary key, reply jsonb);
create function pg_temp.state(name text) returns text language sql security definer as
  $$ select (u.status, u.suspended_at is not null, u.deleted_at is not null)::text from app.users u where u.id = pg_temp.id(state.name) $$;
create function pg_temp.reasons(name text) returns text[] language sql security definer as
  $$ select array_agg(distinct s.revoked_reason) from app.sessions s where s.user_id = pg_temp.id(reasons.name) $$;
do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,carl,dora,root,sue,audrey}'::text[]) n; end $$;
call pg_temp.grant_role('root', 'admin');
call pg_temp.grant_role('sue', 'support');
call pg_temp.grant_role('audrey', 'auditor');
update app.users set is_email_verified = true, status = 'active' where username = 'bob';
insert into app.password_reset_tokens (user_id, token_hash, expires_at) select pg_temp.id(n), private.digest(n), now() + interval '1 hour' from unnest('{ann,bob}'::text[]) n;

-- One's own account
call pg_temp.be('ann');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('wrong'))$$), 'reauthentication_failed', 'to leave takes the password');
select is(pg_temp.outcome($$select api.delete_me()$$), 'reauthentication_failed', 'and the password cannot be left out');
select is(pg_temp.state('ann'), '(inactive,f,f)', 'with the wrong one nothing happens');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('ann'))$$), 'ok', 'with the right one the account is deleted');
select is(pg_temp.state('ann'), '(deleted,f,t)', 'softly');
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'the session is over with the same statement');
reset role;
select is(pg_temp.reasons('ann'), '{deleted}', 'as are all others');
select isnt((select revoked_at from app.password_reset_tokens where user_id = pg_temp.id('ann')), null, 'and links in the mail');
select is((select (user_id, actor_user_id)::text from audit.audit_logs where action = 'users.updated' and 'deleted_at' = any (changed_fields)), (pg_temp.id('ann'), pg_temp.id('ann'))::text, 'the log says who did it');
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'invalid_credentials', 'a deleted account does not sign in');

-- Who may
call pg_temp.be('bob');
select is(pg_temp.outcome(format('select api.%s(%L)', f, pg_temp.id('carl'))), 'forbidden', f || ' needs a permission')
from unnest('{delete_user,restore_user,suspend_user,reactivate_user,unlock_user}'::text[]) f;
call pg_temp.be('sue');
select is(pg_temp.outcome(format('select api.%s(%L)', f, pg_temp.id('carl'))), 'forbidden', f || ' needs more than users:write') from unnest('{delete_user,restore_user}'::text[]) f;
select is(pg_temp.outcome(format('select api.suspend_user(%L)', pg_temp.id('carl'))), 'ok', 'who has users:write suspends');
call pg_temp.be('audrey');
select is(pg_temp.outcome(format('select api.%s(%L)', f, pg_temp.id('carl'))), 'forbidden', f || ' is nothing for an auditor')
from unnest('{delete_user,restore_user,suspend_user,reactivate_user,unlock_user}'::text[]) f;

-- The states, all transitions of them
reset role;
create function pg_temp.reach(name text, status text) returns void language plpgsql security definer as $$
begin
  update app.users u set status = reach.status, suspended_at = case when reach.status = 'suspended' then now() end, deleted_at = case when reach.status = 'deleted' then now() end,
    is_email_verified = reach.status = 'active' or (reach.status <> 'inactive' and u.is_email_verified)
  where u.id = pg_temp.id(reach.name);
end
$$;
create function pg_temp.try(name text, source text, action text) returns text language plpgsql as $$
declare
  v_outcome text;
begin
  perform pg_temp.reach(try.name, try.source);
  v_outcome := pg_temp.outcome(format('select api.%s(%L)', try.action, pg_temp.id(try.name)));
  return case v_outcome when 'ok' then pg_temp.state(try.name) else v_outcome end;
end
$$;
call pg_temp.be('root');
select is(pg_temp.try('dora', source, action), result, format('%s of an account that is %s: %s', action, source, result))
from (values
  (1,  'active',    'suspend_user',    '(suspended,t,f)'),
  (2,  'suspended', 'reactivate_user', '(active,f,f)'),
  (3,  'active',    'reactivate_user', 'status_conflict'),
  (4,  'active',    'restore_user',    'status_conflict'),
  (5,  'active',    'delete_user',     '(deleted,f,t)'),
  (6,  'deleted',   'restore_user',    '(active,f,f)'),
  (7,  'deleted',   'delete_user',     'status_conflict'),
  (8,  'deleted',   'suspend_user',    'status_conflict'),
  (9,  'deleted',   'reactivate_user', 'status_conflict'),
  (10, 'suspended', 'suspend_user',    'status_conflict'),
  (11, 'suspended', 'restore_user',    'status_conflict'),
  (12, 'suspended', 'delete_user',     '(deleted,t,t)'),
  (13, 'inactive',  'reactivate_user', 'status_conflict'),
  (14, 'inactive',  'restore_user',    'status_conflict'),
  (15, 'inactive',  'suspend_user',    '(suspended,t,f)'),
  (16, 'suspended', 'reactivate_user', '(inactive,f,f)'),
  (17, 'inactive',  'delete_user',     '(deleted,f,t)'),
  (18, 'deleted',   'restore_user',    '(inactive,f,f)')) t (n, source, action, result)
order by n;
select is(pg_temp.outcome(format('select api.%s(%L)', f, gen_random_uuid())), 'not_found', f || ' of nobody: not found')
from unnest('{delete_user,restore_user,suspend_user,reactivate_user,unlock_user}'::text[]) f;
select is(pg_temp.outcome(format('select private.change_status(%L, %L)', pg_temp.id('dora'), 'suspend')), '42501', 'no request changes a status past these functions');

-- What a suspension ends
reset role;
insert into kept values ('bob', pg_temp.sign_in('bob'));
call pg_temp.be('root');
select is((api.suspend_user(pg_temp.id('bob'))).status::text, 'suspended', 'the answer is the account as it is now');
reset role;
select is((select s.revoked_reason from app.sessions s where s.id::text = (select reply ->> 'session_id' from kept)), 'suspended', 'a suspension ends all sessions');
select isnt((select revoked_at from app.password_reset_tokens where user_id = pg_temp.id('bob')), null, 'and links in the mail');
select is((select count(*) from app.refresh_tokens t join app.sessions s on s.id = t.session_id where s.user_id = pg_temp.id('bob') and t.used_at is null and t.revoked_at is null), 0::bigint, 'and refresh tokens');
do $$ begin perform set_config('request.session', (select reply ->> 'secret' from kept), true); end $$;
set local role roster_user;
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'which shows with the very next request');
call pg_temp.be('root');
do $$ begin perform api.reactivate_user(pg_temp.id('bob')); end $$;
reset role;
select is(pg_temp.outcome(format('select api.refresh(%L)', (select reply ->> 'refresh_token' from kept))), 'session_expired', 'what a suspension ended stays ended');
select is(pg_temp.outcome($$select api.login('bob', pg_temp.hash('bob'))$$), 'ok', 'but the person can sign in again');

-- If-Match
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.delete_user(%L, %L)', pg_temp.id('dora'), '"0"')), 'precondition_failed', 'a deletion is of the version that was read');
select is(pg_temp.outcome(format('select api.delete_user(%L, %L)', pg_temp.id('dora'), format('"%s"', (api.get_user(pg_temp.id('dora'))).version))), 'ok', 'and of no other');

-- Restoring
select is(pg_temp.outcome(format('select api.restore_user(%L)', pg_temp.id('ann'))), 'ok', 'a deleted account can be restored');
reset role;
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'ok', 'and signs in');
create function pg_temp.delete_and(name text, then_do text default 'select') returns void language plpgsql as $$
begin
  perform private.change_status(pg_temp.id(delete_and.name), 'delete');
  execute then_do;
end
$$;
do $$ begin perform pg_temp.delete_and('ann', $u$update private.clock set shift = '29 days 23 hours'$u$); end $$;
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.restore_user(%L)', pg_temp.id('ann'))), 'ok', 'BR-011: for thirty days');
reset role;
do $$ begin perform pg_temp.delete_and('ann', $u$update private.clock set shift = '60 days'$u$); end $$;
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.restore_user(%L)', pg_temp.id('ann'))), 'restore_expired', 'and no longer');
reset role;
update private.clock set shift = '30 days';
do $$ begin perform set_config('test.old', pg_temp.id('ann')::text, true), api.register('ANN@example.org', 'ann2', pg_temp.hash('ann2'), true); end $$;
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.restore_user(%L)', current_setting('test.old'))), 'email_taken', 'not if the address has been taken meanwhile');
reset role;
update app.users set email = 'else@example.org' where username = 'ann2';
do $$ begin perform api.register('ann3@example.org', 'Ann', pg_temp.hash('ann3'), true); end $$;
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.restore_user(%L)', current_setting('test.old'))), 'username_taken', 'nor if the name has');
reset role;

-- A deletion does not end a suspension
update private.clock set shift = '0';
call pg_temp.be('root');
do $$ begin
  perform api.suspend_user(pg_temp.id('bob')), api.delete_user(pg_temp.id('bob'));
end $$;
select is((api.restore_user(pg_temp.id('bob'))).status::text, 'suspended', 'who was suspended when deleted is so when restored');
select is((api.reactivate_user(pg_temp.id('bob'))).status::text, 'active', 'until somebody reactivates them');
reset role;
update private.clock set shift = '30 days';

-- Unlocking
update app.users set failed_login_attempts = 10, locked_until = private.now() + '1 hour' where username = 'carl';
call pg_temp.be('sue');
select is((api.reactivate_user(pg_temp.id('carl'))).status::text, 'inactive', 'support reactivates');
select is(pg_temp.outcome(format('select api.unlock_user(%L)', pg_temp.id('carl'))), 'ok', 'support unlocks');
reset role;
select is(pg_temp.outcome($$select api.login('carl', pg_temp.hash('carl'))$$), 'ok', 'and the person signs in');

-- The last administrator
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.suspend_user(%L)', pg_temp.id('root'))), 'last_admin', 'BR-504: the last administrator is not suspended');
select is(pg_temp.outcome(format('select api.delete_user(%L)', pg_temp.id('root'))), 'last_admin', 'nor deleted');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('root'))$$), 'last_admin', 'nor leaves');
reset role;
call pg_temp.grant_role('sue', 'admin');
update app.users set status = 'suspended', suspended_at = now() where username = 'sue';
call pg_temp.be('root');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('root'))$$), 'last_admin', 'a suspended administrator does not count');
reset role;
update app.users set status = 'inactive' where username = 'sue';
update app.user_roles set expires_at = private.now() + '1 year' where user_id = pg_temp.id('sue');
call pg_temp.be('root');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('root'))$$), 'last_admin', 'nor one for a time');
reset role;
update app.user_roles set expires_at = null where user_id = pg_temp.id('sue');
update app.users set password_hash = null where username = 'sue';
call pg_temp.be('root');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('root'))$$), 'last_admin', 'nor one who has no password yet');
reset role;
update app.users set password_hash = pg_temp.hash('sue') where username = 'sue';
call pg_temp.be('root');
select is(pg_temp.outcome($$select api.delete_me(pg_temp.hash('root'))$$), 'ok', 'with a second one, the first may leave');

select * from finish();
rollback;
