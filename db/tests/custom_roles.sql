-- Roles are made, changed, dropped, granted and taken away by whoever may. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(71);
\ir people.psql
do $$ begin
  perform pg_temp.person('root', 'admin'), pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('editor');
  perform api.create_role('editors', array['users:read', 'roles:write', 'roles:assign']::app.permission_name[], 'Edits roles');
  perform api.assign_role(pg_temp.id('editor'), 'editors');
end $$;

create function pg_temp.permissions(role text) returns text language sql as $$
  select coalesce(string_agg(rp.permission, ' ' order by rp.permission), '') from app.role_permissions rp join app.roles r on r.id = rp.role_id where r.name = $1
$$;
create function pg_temp.roles(name text) returns text language sql as $$
  select string_agg(r.name, ' ' order by r.name) from app.user_roles ur join app.roles r on r.id = ur.role_id where ur.user_id = pg_temp.id($1)
$$;

-- Making
select is(pg_temp.outcome('ann', $$select api.create_role('readers', '{users:read}')$$), 'forbidden', 'BR-501: roles are made only by who may');
select is(pg_temp.outcome('root', $$select (api.create_role('readers', '{users:read,users:read}', 'Reads')).permissions$$), '{users:read}', 'a role is made with its permissions, each once');
select is(pg_temp.outcome('root', $$select api.create_role('readers', '{}')$$), 'role_taken', 'a name belongs to one role');
select is(pg_temp.outcome('root', $$select api.create_role('fliers', '{pigs:fly}')$$), 'unknown_permission', 'a permission has to exist');
select is(pg_temp.outcome('root', $$select api.create_role('No Name', '{}')$$), '23514', 'a name has its form');
select is((select count(*) from app.roles r where r.name = 'fliers'), 0::bigint, 'of a refused role nothing is left');
select is(pg_temp.outcome('editor', $$select (api.create_role('readers2', '{users:read}')).name$$), 'readers2', 'who may write roles makes them of permissions that they hold');
select is(pg_temp.outcome('editor', $$select api.create_role('auditors2', '{audit:read}')$$), 'above_own_permissions', 'BR-502: nobody makes a role that allows more than they may');
select is(pg_temp.outcome('root', $$select (api.create_role('empty', '{}')).permissions$$), '{}', 'a role may allow nothing');

-- Changing
select is(pg_temp.outcome('ann', $$select api.update_role('readers', '{}')$$), 'forbidden', 'BR-501: roles are changed only by who may');
select is(pg_temp.outcome('root', $$select (api.update_role('readers', '{users:read,audit:read}')).description$$), 'Reads', 'what a role allows is replaced, its description stays');
select is(pg_temp.permissions('readers'), 'audit:read users:read', 'the new set holds');
select is(pg_temp.outcome('root', $$select (api.update_role('readers', description => 'Reads all')).permissions$$), '{audit:read,users:read}', 'a description is changed alone');
select is(pg_temp.outcome('editor', $$select api.update_role('readers', '{users:read}')$$), 'above_own_permissions', 'BR-502: nobody changes a role that allows more than they may');
select is(pg_temp.outcome('editor', $$select api.update_role('readers2', '{users:read,audit:read}')$$), 'above_own_permissions', 'BR-502: nor adds what they may not');
select is(pg_temp.outcome('editor', $$select api.update_role('readers', description => 'For everybody')$$), 'above_own_permissions', 'BR-502: nor describes it');
select is((select r.description::text from app.roles r where r.name = 'readers'), 'Reads all', 'which stays as it was');
select is(pg_temp.permissions('readers2'), 'users:read', 'of a refused change nothing is left');
select is(pg_temp.outcome('editor', $$select api.update_role('editors', '{users:read,roles:write,roles:assign,users:delete}')$$), 'above_own_permissions', 'BR-502: nobody raises themselves through a role that they hold');
select is(pg_temp.outcome('root', $$select api.update_role('readers', '{pigs:fly}')$$), 'unknown_permission', 'a new permission has to exist');
select is(pg_temp.outcome('root', $$select api.update_role('nobody', '{}')$$), 'not_found', 'what does not exist cannot be changed');
select is(pg_temp.outcome('root', format('select api.update_role(%L, %L)', r.name, '{}')), 'system_role', format('BR-505: %s cannot be changed', r.name)) from app.roles r where r.is_system;
select is(pg_temp.outcome('root', format('select api.drop_role(%L)', r.name)), 'system_role', format('BR-505: %s cannot be dropped', r.name)) from app.roles r where r.is_system;

-- One version of it
select is(pg_temp.outcome('root', $$select (api.update_role('empty', description => 'None')).version$$), '2', 'BR-019: a change of a role is a new version');
select is(pg_temp.outcome('root', $$select (api.update_role('empty', permissions => '{}', if_match => '"2"')).version$$), '3', 'BR-019: the version that was read is changed');
select is(pg_temp.outcome('root', $$select api.update_role('empty', description => 'Late', if_match => '"2"')$$), 'precondition_failed', 'BR-019: another one is not');
select is(pg_temp.outcome('root', $$select api.drop_role('empty', '"2"')$$), 'precondition_failed', 'BR-019: nor dropped');
select is(pg_temp.outcome('root', $$select r.version from unnest((api.list_roles()).items) r where r.name = 'empty'$$), '3', 'the list tells versions');
select is(pg_temp.outcome('root', $$select api.drop_role('empty', '"3"')$$), 'ok', 'the version that was read is dropped');

-- Granting
select is(pg_temp.outcome('ann', format($$select api.assign_role(%L, 'user')$$, pg_temp.id('bob'))), 'forbidden', 'BR-501: roles are granted only by who may');
select is(pg_temp.outcome('editor', format($$select api.assign_role(%L, 'readers2')$$, pg_temp.id('ann'))), 'ok', 'who holds all of a role''s permissions grants it');
select is(pg_temp.outcome('ann', 'select (api.get_me()).permissions'), '{users:read}', 'BR-510: a person sees what they may');
select is(pg_temp.outcome('ann', 'select (api.get_me()).roles'), '{readers2,user}', 'BR-510: and through which roles');
select is(pg_temp.outcome('ann', 'select (api.get_user(%L)).username', pg_temp.id('bob')::text), 'bob', 'BR-106: a role takes effect with the next request');
select is((select ur.granted_by from app.user_roles ur join app.roles r on r.id = ur.role_id where ur.user_id = pg_temp.id('ann') and r.name = 'readers2'), pg_temp.id('editor'), 'the grant says by whom');
select is(pg_temp.outcome('editor', format('select api.assign_role(%L, %L)', pg_temp.id(person), role)), 'above_own_permissions', format('BR-502: %s is not granted to %s by who may less', role, person))
from (values ('ann', 'admin'), ('editor', 'admin'), ('editor', 'support'), ('editor', 'auditor'), ('editor', 'readers')) t (person, role);
select is(pg_temp.outcome('root', format($$select api.assign_role(%L, 'nobody')$$, pg_temp.id('ann'))), 'not_found', 'a role that does not exist cannot be granted');
select is(pg_temp.outcome('root', format($$select api.assign_role(%L, 'user')$$, gen_random_uuid())), 'not_found', 'nor one to nobody');
do $$ begin perform pg_temp.person('cid'), api.delete_user(pg_temp.id('cid')); end $$;
select is(pg_temp.outcome('root', format($$select api.assign_role(%L, 'auditor')$$, pg_temp.id('cid'))), 'not_found', 'nor one to a deleted account');

-- For a time
do $$ begin perform pg_temp.person('temp'), pg_temp.person('friend'), api.assign_role(pg_temp.id('temp'), 'admin', private.now() + interval '1 hour'); end $$;
select is(pg_temp.outcome('temp', format('select api.assign_role(%L, %L, %L)', pg_temp.id(person), role, private.now() + until)), outcome,
  format('BR-502: who is administrator for an hour grants %s to %s for %s: %s', role, person, coalesce(until::text, 'good'), outcome))
from (values ('friend', 'admin', interval '30 minutes', 'ok'), ('friend', 'admin', interval '2 hours', 'above_own_permissions'), ('friend', 'admin', null, 'above_own_permissions'),
             ('temp', 'admin', null, 'above_own_permissions'), ('friend', 'support', null, 'above_own_permissions'), ('friend', 'user', null, 'ok')) t (person, role, until, outcome);
select is(pg_temp.outcome('temp', $$select api.create_role('mine', '{users:read}')$$), 'above_own_permissions', 'BR-502: nor do they make a role of it that stays');
select is(pg_temp.outcome('temp', format($$select api.remove_role(%L, 'readers2')$$, pg_temp.id('ann'))), 'ok', 'but they take roles away');
update private.clock set shift = '61 minutes';
select is(pg_temp.outcome('temp', 'select (api.get_me()).roles'), '{user}', 'BR-506: a role that ends is gone by the clock');
select is(pg_temp.outcome('temp', format($$select api.assign_role(%L, 'user')$$, pg_temp.id('ann'))), 'forbidden', 'BR-506: with what it allowed');
update private.clock set shift = '0';
select is(pg_temp.outcome('root', format($$select api.assign_role(%L, 'admin')$$, pg_temp.id('temp'))), 'ok', 'a role for a time becomes one for good');
select is((select ur.expires_at from app.user_roles ur join app.roles r on r.id = ur.role_id where ur.user_id = pg_temp.id('temp') and r.name = 'admin'), null, 'by being granted again');

-- Taking away
select is(pg_temp.outcome('editor', format($$select api.remove_role(%L, 'user')$$, pg_temp.id('bob'))), 'ok', 'a role is taken away');
select is(pg_temp.outcome('editor', format($$select api.remove_role(%L, 'user')$$, pg_temp.id('bob'))), 'not_found', 'once');
do $$ begin perform api.assign_role(pg_temp.id('bob'), 'auditor'); end $$;
select is(pg_temp.outcome('editor', format($$select api.remove_role(%L, 'auditor')$$, pg_temp.id('bob'))), 'above_own_permissions', 'BR-502: nobody takes away what they could not give');
select is(pg_temp.roles('bob'), 'auditor', 'and nothing is lost');
select is(pg_temp.outcome('root', format($$select api.remove_role(%L, 'nobody')$$, pg_temp.id('bob'))), 'not_found', 'a role that does not exist cannot be taken away');

-- Dropping
do $$ begin perform api.assign_role(pg_temp.id('ann'), 'readers'), api.assign_role(pg_temp.id('bob'), 'readers'); end $$;
select is(pg_temp.outcome('editor', $$select api.drop_role('readers')$$), 'above_own_permissions', 'BR-502: nobody drops a role that allows more than they may');
select is(pg_temp.outcome('root', $$select api.drop_role('readers')$$), 'ok', 'a role is dropped');
select is(pg_temp.roles('ann') || ', ' || pg_temp.roles('bob'), 'user, auditor', 'BR-507: everybody who held it has lost it');
select is((select count(*) from audit.audit_logs l where l.action = 'user_roles.deleted' and l.actor_user_id = pg_temp.id('root') and l.user_id in (pg_temp.id('ann'), pg_temp.id('bob'))), 2::bigint,
  'BR-507: each with a row in the log');
select is(pg_temp.outcome('root', $$select api.drop_role('readers')$$), 'not_found', 'once');

select * from finish();
rollback;
