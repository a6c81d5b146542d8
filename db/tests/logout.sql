-- Signing out. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(14);

\ir callers.psql

create temp table kept (name text primary key, reply jsonb);
create function pg_temp.kept(name text, field text) returns text language sql as $$ select k.reply ->> kept.field from kept k where k.name = kept.name $$;
create function pg_temp.reason(name text) returns text language sql as
  $$ select s.revoked_reason from app.sessions s where s.id::text = pg_temp.kept(reason.name, 'session_id') $$;
do $$ begin perform pg_temp.person('ann'); end $$;
insert into kept values ('phone', pg_temp.sign_in('ann')), ('desk', pg_temp.sign_in('ann'));
do $$ begin perform set_config('request.session', '', true); end $$;

set local role roster_anonymous;
select is(pg_temp.outcome($$select api.logout('no such token')$$), 'ok', 'an unknown token is no error');
select is(pg_temp.outcome($$select api.logout(null)$$), 'ok', 'nor is none');
reset role;
select is((select count(*) from audit.audit_logs where action = 'session.logged_out'), 0::bigint, 'and no event');
do $$ begin perform set_config('test.token', pg_temp.kept('phone', 'refresh_token'), true); end $$;
set local role roster_anonymous;
select is(pg_temp.outcome($$select api.logout(current_setting('test.token'))$$), 'ok', 'a token is enough to sign out');
reset role;
select is(pg_temp.reason('phone'), 'logout', 'the session has ended');
select is((select count(*) from app.refresh_tokens t where t.session_id::text = pg_temp.kept('phone', 'session_id') and t.revoked_at is null), 0::bigint, 'and its token with it');
select is(pg_temp.reason('desk'), null, 'the other session goes on');
select is((select count(*) from audit.audit_logs where action = 'session.logged_out' and user_id = pg_temp.id('ann')
    and details ->> 'session_id' = pg_temp.kept('phone', 'session_id')), 1::bigint, 'the log has one event for it');
select is(pg_temp.outcome(format('select api.logout(%L)', pg_temp.kept('phone', 'refresh_token'))), 'ok', 'to sign out twice is no error');
select is((select count(*) from audit.audit_logs where action = 'session.logged_out'), 1::bigint, 'and no second event');
select is(pg_temp.outcome(format('select api.refresh(%L)', pg_temp.kept('phone', 'refresh_token'))), 'session_expired', 'the token is good for nothing any more');

do $$ begin perform set_config('request.session', pg_temp.kept('phone', 'secret'), true); end $$;
set local role roster_user;
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'BR-106: nor is the access token, from the next request on');
reset role;
do $$ begin perform set_config('request.session', pg_temp.kept('desk', 'secret'), true), api.refresh(pg_temp.kept('desk', 'refresh_token')); end $$;
select is(pg_temp.outcome(format('select api.logout(%L)', pg_temp.kept('desk', 'refresh_token'))), 'ok', 'a used token signs out as well');
select is(pg_temp.reason('desk'), 'logout', 'and ends the session that it was of');

select * from finish();
rollback;
