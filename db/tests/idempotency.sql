-- What an Idempotency-Key does in the statement of a request; crashes, races and two workers are in
-- tests/test_idempotency.py. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(34);
\ir people.psql
create temp table secrets (name text primary key, secret text);
do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('root', 'admin');
  insert into secrets select p.name, p.secret from people p;
end $$;

-- One request as the service sends it: enter, operation, remember. What it answered, without what is fresh each time.
create function pg_temp.request(operation text, name text, key text, fingerprint text default 'f', stage text default null) returns text
language plpgsql as $$
declare
  v_route   regprocedure := (select p.oid from pg_proc p where p.pronamespace = 'api'::regnamespace and p.proname = substring(operation from '^api\.([a-z_]+)'));
  v_context jsonb := jsonb_strip_nulls(jsonb_build_object(
    'session', (select s.secret from secrets s where s.name = request.name), 'address', '192.0.2.7', 'request_id', 'r',
    'idempotency_key', key, 'fingerprint', fingerprint, 'stage', stage));
  v_body    text;
begin
  perform set_config('response.' || n, '', true) from unnest('{status,problem,headers,replay}'::text[]) n;
  perform set_config('test.me', session_user, true), set_config('session_authorization', 'roster_authenticator', true);
  execute format(
    'select case when s.switched is not null then http.remember(%1$L::regprocedure, $1, 200, to_json(%2$s)::text)
                 else coalesce(nullif(current_setting(''response.replay'', true), ''''), ''-'') end
     from (select case when e.role is not null then set_config(''role'', e.role, true) end as switched
           from (select http.enter(%1$L::regprocedure, $1) as role offset 0) e offset 0) s', v_route, operation)
  into v_body using v_context;
  perform set_config('session_authorization', current_setting('test.me'), true), set_config('request.session', '', true);
  return concat_ws(' ', nullif(current_setting('response.status'), ''), nullif(current_setting('response.problem'), '')::jsonb ->> 'code',
    case when current_setting('response.headers')::jsonb ? 'Idempotency-Replayed' then 'again' end, left(v_body, 60));
exception when others then
  get stacked diagnostics v_body = pg_exception_detail;
  return 'raised ' || case when sqlstate like 'UM%' then v_body else sqlstate || ' ' || sqlerrm end;
end
$$;
create function pg_temp.log_size() returns bigint language sql as $$ select count(*) from audit.audit_logs $$;
create function pg_temp.suspend(key text, name text default 'bob', sender text default 'root', fingerprint text default 'f') returns text language sql as
  $$ select pg_temp.request(format('api.suspend_user(%L)', pg_temp.id(suspend.name)), sender, key, fingerprint) $$;

-- An effect, once
create temp table first as select pg_temp.suspend('k1') as answer;
select matches((select answer from first), '^\{"id":', 'a request with a key has its effect');
select is((select u.status::text from app.users u where u.username = 'bob'), 'suspended', 'as any other');
do $$ begin perform set_config('test.rows', pg_temp.log_size()::text, true); end $$;
select is(pg_temp.suspend('k1'), '200 again ' || (select answer from first), 'BR-120: sent again it gets the first answer');
select is(pg_temp.log_size(), current_setting('test.rows')::bigint, 'BR-120: and does nothing');
select is(pg_temp.suspend('k2'), 'raised status_conflict', 'with another key it is another request');
select is((select count(*) from app.idempotency_keys), 1::bigint, 'BR-124: an error undoes what its transaction did, so nothing is stored of it');
select ok((select k.status = 200 and k.user_id = pg_temp.id('root') and k.problem is null and k.session_hash is null from app.idempotency_keys k), 'the answer is stored with whose it is');
select is((select count(*) from app.idempotency_keys k, jsonb_object_keys(k.headers) h where h ~ 'RateLimit|Retry-After'), 0::bigint, 'without what was true of its moment only');
select is(pg_temp.request('api.get_stats()', 'root', null) ~ '^\{', true, 'a request without a key is stored nowhere');
select is((select count(*) from app.idempotency_keys), 1::bigint, 'nor counted');

-- Whose, and for what
select is(pg_temp.suspend('k1', fingerprint => 'g'), '422 idempotency_key_reused -', 'BR-121: the key with another request is refused');
select is(pg_temp.request(format('api.reactivate_user(%L)', pg_temp.id('bob')), 'root', 'k1'), '422 idempotency_key_reused -', 'BR-121: and on another route');
do $$ begin perform pg_temp.person('cid', 'admin'); insert into secrets select p.name, p.secret from people p where p.name = 'cid'; end $$;
select matches(pg_temp.request(format('api.reactivate_user(%L)', pg_temp.id('bob')), 'cid', 'k1'), '^\{"id":', 'BR-122: the same key of somebody else is another key');
select is(pg_temp.suspend('k1', sender => 'ann'), '403 forbidden -', 'who may not call the route gets no answer of it');
update app.user_roles r set expires_at = private.now() - interval '1 second' where r.user_id = pg_temp.id('root');
select is(pg_temp.suspend('k1'), '403 forbidden -', 'nor who may not any more');
update app.user_roles r set expires_at = null where r.user_id = pg_temp.id('root');
select ok(private.idempotency_hash(null, 'k1') not in (private.idempotency_hash(pg_temp.id('root'), 'k1'), private.digest('k1')), 'BR-122: a key of nobody in particular is another one, and kept as a keyed digest');

-- Errors and refusals
do $$ begin perform pg_temp.request('api.change_phone(''+41790000001'')', 'ann', null); end $$;
select is(pg_temp.request('api.verify_phone(''000000'')', 'ann', 'k5') ~ '^400 code_invalid', true, 'a refusal that is kept');
select is(pg_temp.request('api.verify_phone(''000000'')', 'ann', 'k5'), '400 code_invalid again ""', 'BR-124: is answered again');
select is((select c.attempts from app.phone_verification_codes c where c.user_id = pg_temp.id('ann')), 1, 'BR-124: and counts once');
do $$ begin update app.rate_limit_policies set quota = 1 where name = 'mail'; end $$;
select matches(pg_temp.request('api.change_phone(''+41790000001'')', 'ann', 'k6'), '^429 rate_limited', 'an answer that says when to come back');
select is((select count(*) from app.idempotency_keys k where k.status = 429), 0::bigint, 'is not kept');

-- The session that ends itself
select is(pg_temp.request(format('api.delete_me(%L)', pg_temp.hash('a')), 'ann', 'bye') like '%again%', false, 'somebody deletes their account');
select matches(pg_temp.request(format('api.delete_me(%L)', pg_temp.hash('a')), 'ann', 'bye'), '^200 again', 'BR-120: and is told so again, although the session is over');
select is(pg_temp.request(format('api.delete_me(%L)', pg_temp.hash('a')), 'ann', 'bye', 'g'), '422 idempotency_key_reused -', 'BR-121: for the same request only');
select is(pg_temp.request('api.verify_phone(''000000'')', 'ann', 'k5'), '401 session_expired -', 'what was answered before the end is not given out after it');

-- A day
update private.clock set shift = '23 hours 59 minutes';
select matches(pg_temp.suspend('k1'), '^200 again', 'BR-120: for twenty-four hours');
update private.clock set shift = '24 hours 1 minute';
select is(pg_temp.suspend('k1') like '%again%', false, 'BR-120: after that the key is free');
select is((select count(*) from app.idempotency_keys k where k.key_hash = private.idempotency_hash(pg_temp.id('root'), 'k1') and k.expires_at > private.now()), 1::bigint, 'and taken by the new request');

-- Who is not signed in
update private.clock set shift = '0';
update app.rate_limit_policies set quota = 2 where name = 'anonymous_keys';
create function pg_temp.leave(key text, name text default null) returns text language sql as
  $$ select pg_temp.request('api.logout(''none'')', leave.name, leave.key) $$;
do $$ begin perform pg_temp.leave('n1'), pg_temp.leave('n2'); end $$;
select is(pg_temp.leave('n3'), '429 rate_limited -', 'BR-125: an address without an account has so many requests with a key');
select is((select count(*) from app.idempotency_keys k where k.user_id is null), 2::bigint, 'BR-125: and no more answers are kept for it');
select unalike(pg_temp.leave(null), '%rate_limited%', 'without a key it may go on');
select unalike(pg_temp.suspend('k9'), '%rate_limited%', 'and who is signed in is not meant');

-- Who may
select is(has_function_privilege(r, 'http.remember(regprocedure,jsonb,integer,text)', 'execute'), r = 'roster_authenticator', format('%s %s answers', r, case when r = 'roster_authenticator' then 'stores' else 'stores no' end))
from unnest('{roster_authenticator,roster_user}'::text[]) r;

select * from finish();
rollback;
