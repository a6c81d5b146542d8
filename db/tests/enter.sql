-- The door that every request passes, as the service goes through it. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(48);

\ir callers.psql

-- One request: the statement that the service sends, as its login, with what is left when its transaction has ended.
create function pg_temp.request(operation text, context jsonb, result text default 'row_to_json(%s)', route text default null) returns jsonb
language plpgsql as $$
declare
  v_reply record;
begin
  perform set_config('response.' || n, '', true) from unnest('{status,problem,headers,claims}'::text[]) n;
  execute format(
    'select %s::text as body,
            nullif(current_setting(''response.status'', true), '''') as status,
            nullif(current_setting(''response.problem'', true), '''')::jsonb ->> ''code'' as code,
            nullif(current_setting(''response.headers'', true), '''')::jsonb as headers,
            current_user::text as role, s.switched
     from (select case when e.role is not null then set_config(''role'', e.role, true) end as switched
           from (select http.enter(%L::regprocedure, $1) as role offset 0) e offset 0) s',
    format(request.result, format('case when s.switched is not null then %s end', request.operation)),
    coalesce(request.route, (select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'api'::regnamespace
                             and p.proname = substring(request.operation from 'api\.([a-z_]+)'))))
  into v_reply using request.context;
  perform set_config('role', 'none', true), set_config('request.session', '', true);
  return to_jsonb(v_reply);
end
$$;
create function pg_temp.context(secret text default null, address text default '192.0.2.7') returns jsonb language sql as
  $$ select jsonb_strip_nulls(jsonb_build_object('session', context.secret, 'address', context.address, 'user_agent', 'tests', 'request_id', 'request-2')) $$;
create function pg_temp.counted(policy text default 'default', subject text default '192.0.2.7') returns integer language sql security definer as
  $$ select r.hits from app.rate_limits r where r.policy = counted.policy and r.subject = counted.subject $$;
create function pg_temp.last(field text) returns text language sql security definer as
  $$ select to_jsonb(l) ->> last.field from audit.audit_logs l order by l.id desc limit 1 $$;
create function pg_temp.log_size() returns bigint language sql security definer as $$ select count(*) from audit.audit_logs $$;
create function pg_temp.state() returns text language sql security definer as
  $$ select string_agg(u.username || ':' || u.status || ':' || u.version, ' ' order by u.username)
            || (select string_agg(coalesce(p.first_name, '-'), '') from app.user_profiles p) || (select count(*) from app.sessions s where s.revoked_at is null) from app.users u $$;
update private.clock set shift = date_trunc('hour', now()) + interval '2 hours' - clock_timestamp();
do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,root,audrey}'::text[]) n; end $$;
call pg_temp.grant_role('root', 'admin');
call pg_temp.grant_role('audrey', 'auditor');
create temp table secrets (name text primary key, secret text);
grant select on secrets to public;
insert into secrets select n, pg_temp.sign_in(n) ->> 'secret' from unnest('{ann,root,audrey}'::text[]) n;
create function pg_temp.secret(name text) returns text language sql as $$ select s.secret from secrets s where s.name = secret.name $$;
do $$ begin perform set_config('request.session', '', true), set_config('request.context', '', true); end $$;
set local session authorization roster_authenticator;

-- A good request
create temp table replies as select pg_temp.request('api.get_me()', pg_temp.context(pg_temp.secret('ann'))) as r;
select is((select r ->> 'code' from replies), null, 'a request with a live session is let in');
select is((select (r ->> 'body')::jsonb ->> 'username' from replies), 'ann', 'as the person whose session it is');
select is((select r ->> 'switched' from replies), 'roster_user', 'the operation runs as the role of a request');
select is((select array_agg(k order by k) from replies, jsonb_object_keys(r -> 'headers') k), '{RateLimit,RateLimit-Policy}', 'the answer has the headers of the limit');
select is(pg_temp.counted(), 1, 'the request is counted');
select is(pg_temp.request('api.refresh(''x'')', pg_temp.context()) ->> 'switched', 'roster_anonymous', 'a request without a session runs as nobody in particular');
select is(pg_temp.request('api.logout(''x'')', pg_temp.context(pg_temp.secret('ann')), '(%s)') ->> 'switched', 'roster_user', 'a route for both runs as who asks');
select is(pg_temp.last('action') <> 'request.refused', true, 'nothing of that is refused');
do $$ begin perform pg_temp.request('api.get_me()', pg_temp.context(pg_temp.secret('ann'))); end $$;
select is(current_setting('request.context')::jsonb, '{"route": "api.get_me()", "address": "192.0.2.7", "request_id": "request-2", "user_agent": "tests"}', 'the request''s settings tell where it comes from, not its secret');

reset session authorization;
select is(http.tag('{"id": 1, "version": 7}'), '{"id": 1, "version": 7}', 'an answer with a version passes through');
select is(current_setting('response.headers')::jsonb ->> 'ETag', '"7"', 'which becomes its ETag');
set local session authorization roster_authenticator;

-- Refusals: they record, the operation does not run, not even as the service's login
create function pg_temp.refused(operation text, context jsonb, result text default 'row_to_json(%s)') returns text language plpgsql as $$
declare
  v_hits  integer := coalesce(pg_temp.counted(subject => refused.context ->> 'address'), 0);
  v_log   bigint := pg_temp.log_size();
  v_reply jsonb := pg_temp.request(refused.operation, refused.context, refused.result);
begin
  return format('%s %s, counted %s, logged %s, ran as %s', v_reply ->> 'status', v_reply ->> 'code',
    pg_temp.counted(subject => refused.context ->> 'address') - v_hits, pg_temp.log_size() - v_log, coalesce(v_reply ->> 'switched', 'nobody'));
end
$$;
do $$ begin perform set_config('test.state', pg_temp.state(), true); end $$;
select is(pg_temp.refused('api.update_me(''{first_name}'', first_name => ''X'')', pg_temp.context()), '401 authentication_required, counted 1, logged 1, ran as nobody', 'a route for the signed-in refuses who is not');
select is(pg_temp.last('action') || ' ' || pg_temp.last('details') || ' ' || substring(pg_temp.last('route') from '^[a-z_.]+') || ' ' || pg_temp.last('request_id') || ' ' || pg_temp.last('database_role'),
  'request.refused {"code": "authentication_required"} api.update_me request-2 roster_authenticator', 'the log says what was refused to whom');
select is(pg_temp.refused('api.revoke_my_other_sessions()', pg_temp.context('no such session'), '(%s)'), '401 session_expired, counted 1, logged 1, ran as nobody', 'a session that does not exist is refused');
select is(pg_temp.refused('api.revoke_my_other_sessions()', pg_temp.context(''), '(%s)'), '401 session_expired, counted 1, logged 1, ran as nobody', 'as an empty one');
select is(pg_temp.refused('api.revoke_my_other_sessions()', pg_temp.context() || '{"session": null}', '(%s)'), '401 session_expired, counted 1, logged 1, ran as nobody', 'and a null');
select is(pg_temp.refused(format('api.suspend_user(%L)', pg_temp.id('bob')), pg_temp.context(pg_temp.secret('ann'))), '403 forbidden, counted 1, logged 1, ran as nobody', 'BR-501: a route with a permission refuses who lacks it');
select is(pg_temp.last('user_id') || pg_temp.last('actor_user_id'), repeat(pg_temp.id('ann')::text, 2), 'by name');
select is(pg_temp.refused('api.register(''eve@example.org'', ''eve'', pg_temp.hash(''eve''), true)', pg_temp.context(pg_temp.secret('ann'))), '403 forbidden, counted 1, logged 1, ran as nobody', 'a route for nobody in particular refuses who is signed in');
select is(pg_temp.state(), current_setting('test.state'), 'in all that nothing happened');
reset session authorization;
update app.users set status = 'suspended', suspended_at = now() where username = 'ann';
set local session authorization roster_authenticator;
select is(pg_temp.refused('api.revoke_my_other_sessions()', pg_temp.context(pg_temp.secret('ann')), '(%s)'), '401 session_expired, counted 1, logged 1, ran as nobody', 'BR-009: the session of a suspended person is dead');
reset session authorization;
update app.users set status = 'inactive', suspended_at = null where username = 'ann';
update app.rate_limit_policies set quota = 1 where name = 'register';
set local session authorization roster_authenticator;

-- The limit
select is(pg_temp.request('api.register(''e1@example.org'', ''eve1'', pg_temp.hash(''e''), true)', pg_temp.context(null, '192.0.2.8')) ->> 'code', null, 'within its limit a route is open');
select is(pg_temp.refused('api.register(''e2@example.org'', ''eve2'', pg_temp.hash(''e''), true)', pg_temp.context(null, '192.0.2.8')), '429 rate_limited, counted 1, logged 1, ran as nobody', 'over it, it is not');
select is(pg_temp.id('eve2'), null, 'and no account was made, although the login itself may execute the function');
select is(pg_temp.request('api.register(''e2@example.org'', ''eve2'', pg_temp.hash(''e''), true)', pg_temp.context(null, '192.0.2.8')) -> 'headers' ->> 'Retry-After', '120', 'the answer says when to come back');
select is(pg_temp.request('api.register(''e2@example.org'', ''eve2'', pg_temp.hash(''e''), true)', pg_temp.context(null, '192.0.2.9')) ->> 'code', null, 'another address has a limit of its own');

-- Why there are two stages
do $$ begin perform set_config('role', null, true); end $$;
select is(current_user::text, 'roster_authenticator', 'to set a role of null sets none');
create function pg_temp.one_stage() returns text language plpgsql as $$
declare
  v_id uuid;
begin
  select (case when s.switched is not null then api.register('e3@example.org', 'eve3', pg_temp.hash('e'), true) end).id into v_id
  from (select set_config('role', http.enter('api.register(app.email,app.username,app.password_hash,boolean,app.person_name,app.person_name,app.phone,app.locale)', pg_temp.context(null, '192.0.2.8')), true) as switched offset 0) s;
  perform set_config('role', 'none', true);
  return case when v_id is null then 'refused' else 'ran' end;
end
$$;
select is(pg_temp.one_stage(), 'ran', 'so a statement that sets what enter() returns, without a look at it, would run the refused operation as the login');

-- Two statements for a password
select is(pg_temp.request('http.login_hash(''bob'')', pg_temp.context(null, '192.0.2.10') || '{"stage": "prepare"}', 'to_json(%s)', 'api.login(app.identifier,app.password_hash,app.device_name,app.password_hash)') ->> 'body', to_json(pg_temp.hash('bob'))::text, 'the first fetches the hash');
select is(pg_temp.counted('login', '192.0.2.10'), 1, 'and is counted');
select is(pg_temp.request('api.login(''bob'', pg_temp.hash(''bob''))', pg_temp.context(null, '192.0.2.10') || '{"stage": "call"}') ->> 'code', null, 'the second signs in');
select is(pg_temp.counted('login', '192.0.2.10'), 1, 'and is not counted again');
select is(pg_temp.request('http.own_hash()', pg_temp.context(pg_temp.secret('root')) || '{"stage": "prepare"}', 'to_json(%s)', 'api.change_password(app.password_hash,app.password_hash,app.password_is_short,app.totp_step,app.recovery_code)') ->> 'body', to_json(pg_temp.hash('root'))::text, 'for a signed-in person it is their own');
select is(pg_temp.request('http.own_hash()', pg_temp.context() || '{"stage": "prepare"}', 'to_json(%s)', 'api.change_password(app.password_hash,app.password_hash,app.password_is_short,app.totp_step,app.recovery_code)') ->> 'code', 'authentication_required', 'and for nobody none');

-- Reads that leave a row
do $$ begin perform set_config('test.rows', pg_temp.log_size()::text, true); end $$;
select is(pg_temp.request('api.list_audit_logs(action => ''audit_logs.read'')', pg_temp.context(pg_temp.secret('audrey'))) ->> 'code', null, 'an auditor reads the log');
select is(pg_temp.log_size() - current_setting('test.rows')::bigint, 1::bigint, 'BR-204: which is one row in it');
select is(pg_temp.last('action') || pg_temp.last('actor_user_id'), 'audit_logs.read' || pg_temp.id('audrey'), 'in their name');
select is((pg_temp.request('api.list_audit_logs(action => ''audit_logs.read'')', pg_temp.context(pg_temp.secret('audrey'))) ->> 'body')::jsonb -> 'items' -> 0 ->> 'actor_user_id', pg_temp.id('audrey')::text, 'that the next reader sees');

-- Last use
select is(pg_temp.request('api.get_me()', pg_temp.context(pg_temp.secret('root'))) ->> 'code', null, 'a request soon after the last one');
reset session authorization;
create temp table used as select id, last_used_at from app.sessions where user_id = pg_temp.id('root');
update private.clock set shift = shift + interval '4 minutes';
set local session authorization roster_authenticator;
do $$ begin perform pg_temp.request('api.get_me()', pg_temp.context(pg_temp.secret('root'))); end $$;
reset session authorization;
select is((select s.last_used_at from app.sessions s join used u on u.id = s.id), (select last_used_at from used), 'does not write');
update private.clock set shift = shift + interval '2 minutes';
do $$ begin perform set_config('test.rows', pg_temp.log_size()::text, true); end $$;
set local session authorization roster_authenticator;
do $$ begin perform pg_temp.request('api.get_me()', pg_temp.context(pg_temp.secret('root'))); end $$;
reset session authorization;
select ok((select s.last_used_at > u.last_used_at + interval '5 minutes' from app.sessions s join used u on u.id = s.id), 'one after five minutes does');
select is(pg_temp.log_size(), current_setting('test.rows')::bigint, 'which is no event');

-- Who may ask
select is(has_function_privilege(r, 'http.enter(regprocedure,jsonb)', 'execute'), r = 'roster_authenticator', format('%s %s the door', r, case when r = 'roster_authenticator' then 'opens' else 'does not open' end))
from unnest('{roster_authenticator,roster_anonymous,roster_user,roster_dba}'::text[]) r;
set local session authorization roster_authenticator;
select is(pg_temp.request('api.get_me()', '{"request_id": "x"}', route => 'api.get_me()') ->> 'code', 'authentication_required', 'a request from a socket without an address is counted and judged like any other');
reset session authorization;
select is(pg_temp.counted(subject => 'unknown'), 1, 'under a name of its own');

select * from finish();
rollback;
