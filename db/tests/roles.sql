-- Granting roles and taking them away. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(42);

\ir callers.psql

create function pg_temp.roles_of(name text) returns text[] language sql security definer as
  $$ select (private.load_user(pg_temp.id(roles_of.name))).roles $$;
do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,root,hal,sue}'::text[]) n; end $$;
call pg_temp.grant_role('root', 'admin');
call pg_temp.grant_role('sue', 'support');
insert into app.roles (name) values ('helper');
insert into app.role_permissions (role_id, permission) select r.id, p from app.roles r, unnest('{roles:assign,users:read,users:write,sessions:manage}'::text[]) p where r.name = 'helper';
call pg_temp.grant_role('hal', 'helper');

-- Who may
call pg_temp.be('ann');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'admin')), 'forbidden', 'BR-502: nobody raises themselves');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('bob'), 'user')), 'forbidden', 'nobody takes a role away without the permission');
select is(pg_temp.outcome('select api.list_roles()'), 'ok', 'which roles there are is open to who is signed in: only the route asks for more');
select is(pg_temp.outcome(format('insert into app.user_roles (user_id, role_id) select %L, id from app.roles where name = %L', pg_temp.id('ann'), 'admin')), '42501', 'nor is there a way past the functions');
call pg_temp.be('sue');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'forbidden', 'not even a role that one holds oneself');

-- Nobody grants above their own permissions
call pg_temp.be('hal');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'ok', 'a role within one''s own permissions can be granted');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'admin')), 'above_own_permissions', 'a role above them cannot');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('hal'), 'admin')), 'above_own_permissions', 'not to oneself either');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'auditor')), 'above_own_permissions', 'nor one that allows one thing more');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('root'), 'admin')), 'above_own_permissions', 'nor can it be taken away');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('ann'), 'support')), 'ok', 'what one can grant one can take away');

-- Granting
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'ok', 'an administrator grants any role');
select is(pg_temp.roles_of('ann'), '{support,user}', 'and the person has it');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'ok', 'to grant it again is no error');
reset role;
select is((select (granted_by, expires_at)::text from app.user_roles where user_id = pg_temp.id('ann') and role_id = (select id from app.roles where name = 'support')), format('(%s,)', pg_temp.id('root')), 'it says who granted it');
select is((select count(*) from audit.audit_logs where action = 'user_roles.inserted' and user_id = pg_temp.id('ann') and actor_user_id = pg_temp.id('root')), 1::bigint, 'the log has one row for it');
set local role roster_user;
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', gen_random_uuid(), 'support')), 'not_found', 'nobody gets a role');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'no_such_role')), 'not_found', 'nor anybody a role that does not exist');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('ann'), 'no_such_role')), 'not_found', 'which cannot be taken away either');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('ann'), 'auditor')), 'not_found', 'nor one that the person does not hold');
reset role;
do $$ begin perform pg_temp.person('dead'); end $$;
update app.users set status = 'deleted', deleted_at = now() where username = 'dead';
set local role roster_user;
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('dead'), 'support')), 'not_found', 'a deleted account gets no role');

-- At once
call pg_temp.be('ann');
select is(pg_temp.outcome('select api.list_users()'), 'ok', 'what a role allows holds from the next request on');
reset role;
do $$ begin perform set_config('test.ann', current_setting('request.session'), true); end $$;
call pg_temp.be('root');
do $$ begin perform api.remove_role(pg_temp.id('ann'), 'support'); end $$;
reset role;
do $$ begin perform set_config('request.session', current_setting('test.ann'), true); end $$;
set local role roster_user;
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'BR-106: and ends with the next request');
select is(pg_temp.outcome('select api.get_me()'), 'ok', 'in the same session');

-- For a time
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L, %L)', pg_temp.id('ann'), 'support', clock_timestamp() + interval '1 hour')), 'ok', 'a role can be granted for a time');
reset role;
select is(pg_temp.roles_of('ann'), '{support,user}', 'in which the person has it');
do $$ begin perform set_config('request.session', current_setting('test.ann'), true); end $$;
set local role roster_user;
select is(pg_temp.outcome('select api.list_users()'), 'ok', 'with what it allows');
reset role;
update private.clock set shift = '1 hour';
select is(pg_temp.roles_of('ann'), '{user}', 'and which ends by itself');
select is((private.load_user(pg_temp.id('ann'))).permissions, '{}', 'with its permissions');
set local role roster_user;
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'for rights too');
call pg_temp.be('root');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support')), 'ok', 'it can be granted again, for good');
select is(pg_temp.roles_of('ann'), '{support,user}', 'and is in force again');

select is(pg_temp.outcome(format('select api.assign_role(%L, %L, %L)', pg_temp.id('ann'), 'support', private.now())), 'expiry_passed', 'but not until a time that has passed');

-- The last administrator
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('root'), 'admin')), 'last_admin', 'BR-504: the last administrator keeps the role');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L, %L)', pg_temp.id('root'), 'admin', clock_timestamp() + interval '1 year')), 'last_admin', 'and has it for good');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('bob'), 'admin')), 'ok', 'with a second administrator');
select is(pg_temp.outcome(format('select api.remove_role(%L, %L)', pg_temp.id('root'), 'admin')), 'ok', 'the first may go');
select is(pg_temp.outcome(format('select api.assign_role(%L, %L)', pg_temp.id('root'), 'admin')), 'forbidden', 'and is none any more');

-- The list
call pg_temp.be('bob');
select is((select array_agg((r).name || ':' || array_to_string((r).permissions, ',')) from unnest((api.list_roles()).items) r),
  '{"admin:api_keys:manage,audit:read,roles:assign,roles:write,sessions:manage,users:delete,users:read,users:write","auditor:audit:read,users:read","helper:roles:assign,sessions:manage,users:read,users:write","support:sessions:manage,users:read,users:write",user:}',
  'the list has every role with what it allows');
select is((select string_agg(r.name, ' ') from unnest((api.list_roles("limit" => 2)).items) r), 'admin auditor', 'page by page');
select is((select string_agg(r.name, ' ') from unnest((api.list_roles((api.list_roles("limit" => 2)).next_cursor, "limit" => 3)).items) r), 'helper support user', 'the next page starts where the last one ended');
select is((api.list_roles("limit" => 5)).next_cursor, null, 'and the last one says so');

select * from finish();
rollback;
