-- API keys: who makes them, what they open, what ends them. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(86);
\ir people.psql

create temp table keys (name text primary key, id uuid, key text);
create function pg_temp.key(name text) returns text language sql as $$ select k.key from keys k where k.name = $1 $$;
-- A person makes a key for themselves.
create function pg_temp.make(person text, name text, scopes text, until text default null) returns text language plpgsql as $$
declare
  v_outcome text := pg_temp.outcome(person, format('select to_jsonb(api.create_my_api_key(%L, %L, %L, pg_temp.hash(''a'')))', name, scopes, until));
begin
  if v_outcome not like '{%' then
    return v_outcome;
  end if;
  insert into keys values (name, (v_outcome::jsonb ->> 'id')::uuid, v_outcome::jsonb ->> 'key');
  return 'made';
end
$$;
-- A request with a key, as the service makes it: through the door, then under the role that it names.
create function pg_temp.by_key(key text, route text, statement text) returns text language plpgsql as $$
declare
  v_role  text;
  v_value text;
  v_code  text;
begin
  perform set_config('response.problem', '', true), set_config('response.headers', '', true),
          set_config('role', 'roster_authenticator', true);
  v_role := http.enter(route::regprocedure, jsonb_build_object('api_key', key, 'address', '198.51.100.7', 'request_id', 'by key'));
  if v_role is not null then
    perform set_config('role', v_role, true);
    execute statement into v_value;
  end if;
  perform set_config('role', 'none', true);
  v_code := nullif(current_setting('response.problem'), '')::jsonb ->> 'code';
  perform set_config('request.api_key', '', true), set_config('request.context', '', true);
  return coalesce(v_code, nullif(v_value, ''), 'ok');
exception when others then
  get stacked diagnostics v_code = pg_exception_detail;
  return case when sqlstate like 'UM%' then v_code else sqlstate end;
end
$$;
create function pg_temp.who(key text) returns text language sql as $$ select pg_temp.by_key($1, 'api.get_me()', 'select (api.get_me()).username') $$;
create function pg_temp.stats(key text) returns text language sql as $$ select pg_temp.by_key($1, 'api.get_stats()', 'select (api.get_stats()).deleted') $$;

do $$ begin
  update app.rate_limit_policies set quota = 100000;
  perform pg_temp.person('ann'), pg_temp.person('adam', 'admin'), pg_temp.person('sue', 'support'), pg_temp.person('aud', 'auditor');
  perform private.create_account('robot@example.org', 'robot', null, null, null, null, 'en');
  insert into app.user_roles (user_id, role_id) select pg_temp.id('robot'), r.id from app.roles r where r.name = 'auditor';
end $$;

-- How a key looks
select is(pg_temp.make('adam', 'all', '{users:read,audit:read,users:write,roles:assign,api_keys:manage}'), 'made', 'BR-530: somebody makes a key');
select matches(pg_temp.key('all'), '^pgr_[0-9A-Za-z]{46}$', 'BR-531: a key is recognisable');
select is(right(pg_temp.key('all'), 6), private.api_key_checksum(left(pg_temp.key('all'), -6)), 'BR-531: and carries a checksum');
select is(private.api_key_checksum('pgr_'), '0KgFpa', 'which anybody can compute: the first 32 bits of a SHA-256 in base 62');
select is((select (k.prefix, k.secret_hash)::text from app.api_keys k where k.name = 'all'), (left(pg_temp.key('all'), 12), private.digest(pg_temp.key('all')))::text, 'BR-531: only its beginning and its digest are stored');
select is((select count(*) from audit.audit_logs l where l::text ~ pg_temp.key('all')), 0::bigint, 'the log does not have it');
select ok((select l.new_values ->> 'prefix' = left(pg_temp.key('all'), 12) and not l.new_values ? 'secret_hash' from audit.audit_logs l where l.action = 'api_keys.inserted'), 'but that it was made');
select is((select m ->> 'name' from pg_temp.mails('api_key_created', 'adam@example.org') m), 'all', 'BR-537: the owner is told by mail');
select is((select count(distinct private.random_base62(20)) from generate_series(1, 200)), 200::bigint, 'keys are random');
select ok((select bool_and(position(private.base62_digit(d) in (select string_agg(private.random_base62(50), '') from generate_series(1, 60))) > 0) from generate_series(0, 61) d), 'in every character');

-- Who makes one
select is(pg_temp.outcome('adam', $$select api.create_my_api_key('k', '{}', null, pg_temp.hash('b'))$$), 'reauthentication_failed', 'BR-530: it takes the password');
select is(pg_temp.outcome('adam', $$select api.create_my_api_key('k', '{}')$$), 'reauthentication_failed', 'which cannot be left out');
select is(pg_temp.outcome(null, $$select api.create_my_api_key('k', '{}', null, pg_temp.hash('a'))$$), '42501', 'and a session');
select is(pg_temp.make('ann', 'mine', '{users:read}'), 'above_own_permissions', 'BR-532: nobody gives a key more than they have');
select is(pg_temp.make('sue', 'some', '{users:read,users:delete}'), 'above_own_permissions', 'not even one permission');
select is(pg_temp.make('adam', 'odd', '{no:such}'), 'unknown_permission', 'permissions that are none are refused');
select is(pg_temp.make('adam', 'late', '{}', '2020-01-01'), 'expiry_passed', 'a key that has ended cannot be made');
select is(pg_temp.make('adam', '', '{}'), '23514', 'a key has a name');
select is(pg_temp.make('ann', 'plain', '{}'), 'made', 'a key need not have any permission');

-- A key that ends gives nothing that outlives it
do $$ begin perform pg_temp.make('adam', 'ending', '{users:read,audit:read,roles:assign}', (private.now() + interval '1 day')::text); end $$;
create function pg_temp.give(key text, until text) returns text language sql as $$
  select pg_temp.by_key(pg_temp.key($1), 'api.assign_role(uuid,app.role_name,timestamptz)',
    format('select api.assign_role(%L, %L, private.now() + %L::interval)', pg_temp.id('ann'), 'auditor', until))
$$;
select is(pg_temp.give('ending', null), 'above_own_permissions', 'BR-502: a key that ends gives no role for good');
select is(pg_temp.give('ending', '25 hours'), 'above_own_permissions', 'BR-502: nor for longer than it lives');
select is(pg_temp.give('ending', '23 hours'), 'ok', 'BR-502: but for as long');
select is(pg_temp.give('all', null), 'ok', 'BR-502: one that does not end, for good');
do $$ begin perform api.remove_role(pg_temp.id('ann'), 'auditor'); end $$;

-- What it opens
select is(pg_temp.who(pg_temp.key('all')), 'adam', 'BR-533: a key stands for its owner');
select is(pg_temp.who(pg_temp.key('plain')), 'ann', 'each for its own');
select is(pg_temp.stats(pg_temp.key('all')), '0', 'BR-533: and opens what its scopes name');
select is(pg_temp.stats(pg_temp.key('plain')), 'forbidden', 'nothing else');
select is(pg_temp.by_key(pg_temp.key('all'), 'api.delete_user(uuid,text)', format('select api.delete_user(%L)', pg_temp.id('ann'))), 'forbidden', 'BR-532: what its owner may and its scopes do not name stays closed');
select is(pg_temp.by_key(pg_temp.key('all'), 'api.get_user(uuid)', format('select (api.get_user(%L)).username', pg_temp.id('ann'))), 'ann', 'row-level security goes by the key''s scopes');
select is(pg_temp.by_key(pg_temp.key('plain'), 'api.get_user(uuid)', format('select (api.get_user(%L)).username', pg_temp.id('adam'))), 'not_found', 'which show nobody else without');
select is(pg_temp.by_key(pg_temp.key('plain'), 'api.get_user(uuid)', format('select (api.get_user(%L)).username', pg_temp.id('ann'))), 'ann', 'but oneself');
select is(pg_temp.by_key(pg_temp.key('all'), 'api.assign_role(uuid,app.role_name,timestamptz)', format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'above_own_permissions',
  'BR-532: a key gives no role with more than its scopes');
select is(pg_temp.by_key(pg_temp.key('all'), 'api.suspend_user(uuid)', format('select api.suspend_user(%L)', pg_temp.id('sue'))), 'above_own_permissions', 'BR-503: nor does it act on who may do more than it');
select is(pg_temp.by_key(pg_temp.key('all'), p.oid::regprocedure::text, 'select 1'), 'session_required', 'BR-534: a key is no person: ' || p.proname)
from pg_proc p
where p.pronamespace = 'api'::regnamespace and has_function_privilege('roster_user', p.oid, 'execute') and not has_function_privilege('roster_anonymous', p.oid, 'execute')
  and p.proname in ('update_me', 'delete_me', 'change_password', 'change_email', 'change_phone', 'enrol_mfa', 'confirm_mfa', 'disable_mfa', 'renew_recovery_codes',
                    'get_mfa', 'create_my_api_key', 'list_my_api_keys', 'revoke_my_api_key', 'list_my_sessions', 'revoke_my_other_sessions', 'export_me')
order by p.proname;
select set_eq(
  $$select p.proname::text from pg_proc p where p.pronamespace = 'api'::regnamespace and not has_function_privilege('roster_anonymous', p.oid, 'execute')
      and obj_description(p.oid, 'pg_proc') !~ '(?n)^@permission ' and obj_description(p.oid, 'pg_proc') ~ '(?n)^@api_keys allowed$'$$,
  array['get_me', 'get_user'], 'BR-534: of what takes no permission only these are open to keys');
select is(pg_temp.by_key(pg_temp.key('all'), 'api.create_user_api_key(uuid,app.api_key_name,app.permission_name[],timestamptz)', format('select api.create_user_api_key(%L, %L, %L)', pg_temp.id('ann'), 'x', '{}')),
  'session_required', 'BR-534: a key makes no keys');
-- Past the door, with the settings that it makes: what the service's login could do in psql.
create function pg_temp.forged(key text, statement text) returns text language plpgsql as $$
begin
  perform set_config('request.api_key', key, true);
  return pg_temp.outcome('nobody', statement);
end
$$;
select is(pg_temp.forged(pg_temp.key('all'), $$select api.change_password(pg_temp.hash('b'), pg_temp.hash('a'))$$), 'session_required', 'BR-534: also where nothing passes the door');
select is(pg_temp.forged('pgr_' || repeat('0', 46), 'select (api.get_me()).username'), 'authentication_required', 'BR-533: a key that nobody was given is nobody''s');
select is(pg_temp.forged(pg_temp.key('plain'), $$select private.has_permission('users:read')$$), 'false', 'no setting widens a key');
do $$ begin perform set_config('request.api_key', '', true); end $$;

-- The log
select is((select (l.actor_user_id, l.actor_session_id, l.actor_api_key_id)::text from audit.audit_logs l where l.action = 'request.refused' and l.request_id = 'by key' order by l.id limit 1),
  format('(%s,,%s)', pg_temp.id('ann'), (select id from keys where name = 'plain')), 'BR-205: the log says with which key');
select is((select count(*) from audit.audit_logs l where l.action = 'api_keys.updated'), 0::bigint, 'that a key was used is no event of its own');

-- Last use
select is((select k.last_used_at > private.now() - interval '1 minute' from app.api_keys k where k.name = 'plain'), true, 'BR-535: a key says when it was used');
update private.clock set shift = '4 minutes';
create temp table used as select k.last_used_at from app.api_keys k where k.name = 'plain';
select is((select pg_temp.who(pg_temp.key('plain')) || (k.last_used_at = u.last_used_at) from app.api_keys k, used u where k.name = 'plain'), 'anntrue', 'to within five minutes');
update private.clock set shift = '6 minutes';
do $$ begin perform pg_temp.who(pg_temp.key('plain')); end $$;
select ok((select k.last_used_at > u.last_used_at from app.api_keys k, used u where k.name = 'plain'), 'after that again');
update private.clock set shift = '0';

-- Lists
select is(pg_temp.outcome('ann', $$select array_agg(k.name || k.prefix) from unnest((api.list_my_api_keys()).items) k$$), format('{plain%s}', left(pg_temp.key('plain'), 12)), 'a person sees their keys');
select is(pg_temp.outcome('adam', $$select count(*) from unnest((api.list_user_api_keys(%L)).items)$$, pg_temp.id('ann')::text), '1', 'an administrator everybody''s');
select is(pg_temp.outcome('aud', $$select api.list_user_api_keys(%L)$$, pg_temp.id('ann')::text), 'forbidden', 'nobody else does');
select is(pg_temp.outcome('adam', $$select api.list_user_api_keys(%L)$$, gen_random_uuid()::text), 'not_found', 'of an account that is there');

-- Service accounts
create function pg_temp.for_robot(person text, scopes text) returns text language sql as $$
  select pg_temp.outcome(person, format('select (api.create_user_api_key(%L, %L, %L)).key', pg_temp.id('robot'), 'robot', scopes))
$$;
select is(pg_temp.for_robot('sue', '{}'), 'forbidden', 'BR-536: a key for somebody else takes the permission');
insert into keys values ('robot', null, pg_temp.for_robot('adam', '{users:read,audit:read}'));
select is(pg_temp.who(pg_temp.key('robot')), 'robot', 'BR-536: an account without a password works by its key');
select is(pg_temp.for_robot('adam', '{users:write}'), 'above_own_permissions', 'BR-532: which may do no more than the account');
do $$ begin perform api.create_role('keyers', '{api_keys:manage,users:read}'), api.assign_role(pg_temp.id('ann'), 'keyers'); end $$;
select is(pg_temp.for_robot('ann', '{users:read}'), 'above_own_permissions', 'BR-503: nor is it made by who may do less');
select is((select pg_temp.outcome('operator', format('select (api.create_user_api_key(%L, %L, %L)).name', pg_temp.id('robot'), 'by hand', '{users:read}'))), 'by hand', 'an operator makes one in psql');
do $$ begin perform api.create_role('brief', '{api_keys:manage,users:read,audit:read}'); perform pg_temp.person('tim'); perform api.assign_role(pg_temp.id('tim'), 'brief', private.now() + interval '1 hour'); end $$;
select is(pg_temp.for_robot('tim', '{users:read}'), 'above_own_permissions', 'BR-532: who holds a permission for an hour gives it for no longer');
select is(pg_temp.outcome('tim', format('select (api.create_user_api_key(%L, %L, %L, private.now() + interval %L)).name', pg_temp.id('robot'), 'brief', '{users:read}', '59 minutes')), 'brief', 'but for that');

-- What ends a key
select is(pg_temp.make('aud', 'first', '{audit:read,users:read}') || pg_temp.make('aud', 'second', '{users:read}') || pg_temp.make('aud', 'short', '{users:read}', (private.now() + interval '1 hour')::text), 'mademademade', 'somebody makes three');
select is(pg_temp.outcome('ann', $$select api.revoke_my_api_key(%L)$$, (select id::text from keys where name = 'first')), 'not_found', 'BR-535: another''s key answers like one that does not exist');
select is(pg_temp.outcome('aud', $$select api.revoke_my_api_key(%L)$$, (select id::text from keys where name = 'second')), 'ok', 'one''s own is revoked');
select is(pg_temp.who(pg_temp.key('second')), 'token_invalid', 'BR-535: and dead with the next request');
select is(pg_temp.outcome('aud', $$select api.revoke_my_api_key(%L)$$, (select id::text from keys where name = 'second')), 'not_found', 'for good');
select is(pg_temp.who('pgr_nonsense'), 'token_invalid', 'as if it had never been there');
update private.clock set shift = '1 hour 1 minute';
select is(pg_temp.who(pg_temp.key('short')) || ' ' || pg_temp.who(pg_temp.key('first')), 'token_invalid aud', 'BR-535: a key ends when it expires');
update private.clock set shift = '0';
do $$ begin perform api.remove_role(pg_temp.id('aud'), 'auditor'); end $$;
select is(pg_temp.stats(pg_temp.key('first')), 'forbidden', 'BR-532: a role that is taken from its owner is taken from the key');
do $$ begin perform api.assign_role(pg_temp.id('aud'), 'auditor'), api.suspend_user(pg_temp.id('aud')); end $$;
select is(pg_temp.who(pg_temp.key('first')), 'token_invalid', 'BR-535: the key of a suspended account rests');
do $$ begin perform api.reactivate_user(pg_temp.id('aud')); end $$;
select is(pg_temp.who(pg_temp.key('first')), 'aud', 'and works again with the account');
do $$ begin perform pg_temp.sign_in('aud'), pg_temp.outcome('aud', $s$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'))$s$); end $$;
select is(pg_temp.who(pg_temp.key('first')), 'aud', 'BR-538: a change of password leaves keys alone');
do $$ begin
  insert into app.password_reset_tokens (user_id, token_hash, expires_at) values (pg_temp.id('aud'), private.digest('reset'), private.now() + interval '1 hour');
  perform pg_temp.outcome(null, $s$select api.reset_password('reset', pg_temp.hash('a'))$s$);
end $$;
select is(pg_temp.who(pg_temp.key('first')), 'token_invalid', 'BR-538: a reset revokes them: the account is alone with who reads its mail');
do $$ declare v_id uuid := pg_temp.id('robot'); begin perform api.delete_user(v_id), api.restore_user(v_id); end $$;
select is(pg_temp.who(pg_temp.key('robot')), 'token_invalid', 'BR-538: so does a deletion, also when it is undone');

-- How many
update app.settings set api_keys_per_user = 2;
select is(pg_temp.make('sue', 's1', '{}') || pg_temp.make('sue', 's2', '{}') || pg_temp.make('sue', 's3', '{}'), 'mademadetoo_many_api_keys', 'BR-539: an account has so many living keys and no more');
do $$ begin perform pg_temp.outcome('sue', 'select api.revoke_my_api_key(%L)', (select id::text from keys where name = 's1')); end $$;
select is(pg_temp.make('sue', 's3', '{}'), 'made', 'one that was revoked makes room');
select is(pg_temp.outcome('adam', format('select api.revoke_user_api_key(%L, %L)', pg_temp.id('sue'), (select id from keys where name = 's2'))), 'ok', 'an administrator revokes one of somebody else');

select * from finish();
rollback;
