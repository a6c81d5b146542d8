-- Signing out. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(14);

-- People: `person` registers one, `id` finds one, `be` signs one in and makes this session a request of theirs.
create function pg_temp.hash(name text) returns text language sql as $$ select '$2b$12$' || rpad(name, 53, '.') $$;
create function pg_temp.person(name text) returns uuid language sql as
  $$ select (api.register(name || '@example.org', name, pg_temp.hash(name), true)).id $$;
create function pg_temp.id(name text) returns uuid language sql security definer as
  $$ select u.id from app.users u where u.username = name order by u.deleted_at nulls first limit 1 $$;
create procedure pg_temp.be(name text) language plpgsql as $$
begin
  perform set_config('role', 'none', true), set_config('request.session', '', true);
  if be.name is not null then
    perform api.login(be.name, pg_temp.hash(be.name));
    perform set_config('role', 'roster_user', true);
  end if;
end
$$;
do $$ begin perform set_config('request.context', '{"address": "192.0.2.7", "user_agent": "tests", "request_id": "request-1"}', true); end $$;

-- A sign-in as JSON, with the secret that its access token would carry.
create function pg_temp.sign_in(name text, device text default null) returns jsonb language plpgsql as $$
begin
  return to_jsonb(api.login(sign_in.name, pg_temp.hash(sign_in.name), sign_in.device))
         || jsonb_build_object('secret', current_setting('response.claims')::jsonb ->> 'sid');
end
$$;

-- What a statement ends with: ok, the code of its problem, or an SQLSTATE.
create function pg_temp.outcome(statement text) returns text language plpgsql as $$
declare
  v_code text;
begin
  perform set_config('response.problem', '', true);
  execute statement;
  return coalesce(nullif(current_setting('response.problem'), '')::jsonb ->> 'code', 'ok');
exception when others then
  get stacked diagnostics v_code = pg_exception_detail;
  return case when sqlstate like 'UM%' then v_code else sqlstate end;
end
$$;

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
