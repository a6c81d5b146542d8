-- A new password, and the password asked for again. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(30);

\ir callers.psql

create temp table kept (name text primary key, reply jsonb);
create function pg_temp.reason(name text) returns text language sql as
  $$ select s.revoked_reason from app.sessions s where s.id::text = (select k.reply ->> 'session_id' from kept k where k.name = reason.name) $$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'); end $$;
update app.users set is_email_verified = true, status = 'active' where username = 'ann';
insert into app.password_reset_tokens (user_id, token_hash, expires_at) select pg_temp.id(n), private.digest(n), now() + interval '1 hour' from unnest('{ann,bob}'::text[]) n;
insert into kept values ('bob', pg_temp.sign_in('bob')), ('other', pg_temp.sign_in('ann'));
call pg_temp.be('ann');

-- The wrong password
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('wrong'))$$), 'reauthentication_failed', 'BR-020: the current password is asked for');
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'))$$), 'reauthentication_failed', 'and cannot be left out');
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('bob'))$$), 'reauthentication_failed', 'another person''s is not it');
select is((select failed_login_attempts from app.users where id = pg_temp.id('ann')), 3, 'BR-406: guessing here counts like guessing at login');
reset role;
select is((select password_hash from app.users where username = 'ann'), pg_temp.hash('ann')::app.password_hash, 'nothing has changed');
select is(pg_temp.reason('other'), null, 'and no session ended');
select is((select count(*) from audit.audit_logs where action = 'login.failed' and user_id = pg_temp.id('ann') and actor_user_id = pg_temp.id('ann')), 3::bigint, 'the log has each attempt');

-- The right one
set local role roster_user;
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('ann'))$$), 'ok', 'with the current password it changes');
select isnt((api.get_me()).id, null, 'the session that changed it goes on');
reset role;
select is((select (password_hash, failed_login_attempts)::text from app.users where username = 'ann'), (pg_temp.hash('new'), 0)::text, 'the new hash is stored, the failures are forgotten');
select ok((select password_changed_at > now() from app.users where username = 'ann'), 'and when');
select is(pg_temp.reason('other'), 'password_changed', 'BR-107: all other sessions have ended');
select is(pg_temp.reason('bob'), null, 'but nobody else''s');
select is(pg_temp.outcome(format('select api.refresh(%L)', (select reply ->> 'refresh_token' from kept where name = 'other'))), 'session_expired', 'nor can they be refreshed');
select is((select array_agg(t.user_id) from app.password_reset_tokens t where t.revoked_at is null), array[pg_temp.id('bob')], 'BR-109: reset links in the mail are void, but not other people''s');
select is((select array_agg(t.user_id) from app.email_verification_tokens t where t.revoked_at is null), array[pg_temp.id('bob')], 'and verification links');
select is((select (count(*), max(l::text) ~ 'ann\.\.\.|new\.\.\.')::text from audit.audit_logs l where action = 'password.changed' and user_id = pg_temp.id('ann')), '(1,f)', 'the log has one event for it');
select is((select count(*) from audit.audit_logs where action = 'users.updated' and 'password_hash' = any (changed_fields) and coalesce(old_values, '{}') || coalesce(new_values, '{}') ? 'password_hash'), 0::bigint,
  'which says that the hash changed, not from what to what');
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'invalid_credentials', 'the old password is the wrong one now');
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('new'))$$), 'ok', 'the new one is right');

select is((select array_agg(o.recipient) from app.outbox o where o.template = 'password_changed'), '{ann@example.org}', 'BR-030: the person is told by mail, and nobody else');

-- Locks
insert into app.login_sources (user_id, source, failed_login_attempts) values (pg_temp.id('bob'), '192.0.2.7', 9)
on conflict (user_id, source) do update set failed_login_attempts = 9;
call pg_temp.be('bob');
reset role;
select is((select failed_login_attempts from app.login_sources where user_id = pg_temp.id('bob')), 0, 'a login forgets failures');
update app.login_sources set failed_login_attempts = 9 where user_id = pg_temp.id('bob');
set local role roster_user;
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('wrong'))$$), 'reauthentication_failed', 'the tenth guess locks');
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('bob'))$$), 'reauthentication_failed', 'so that the eleventh is no use, were it right');

-- Callers
call pg_temp.be(null);
set local role roster_user;
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('ann'))$$), 'authentication_required', 'who is nobody changes nothing');
set local role roster_anonymous;
select is(pg_temp.outcome($$select api.change_password(pg_temp.hash('new'), pg_temp.hash('ann'))$$), '42501', 'and who is not signed in may not ask');
reset role;
do $$ begin perform pg_temp.person('carl'), pg_temp.sign_in('carl'); end $$;
select is(http.own_hash(), pg_temp.hash('carl'), 'the service gets the hash of the person who asks');
select is((http.own_rules()).words, array['carl@example.org', 'carl', 'carl', 'pgroster'], 'and the words that their password may not resemble');
select is(pg_temp.outcome($$select api.change_password(null, pg_temp.hash('carl'))$$), 'password_missing', 'a password is replaced, never taken away');
call pg_temp.be(null);
select is(http.own_hash(), null, 'and none for nobody');

select * from finish();
rollback;
