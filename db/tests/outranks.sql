-- Nobody acts on an account that may do more than they. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(52);
\ir people.psql
do $$ begin
  perform pg_temp.person('root', 'admin'), pg_temp.person('boss', 'admin'), pg_temp.person('helper', 'support'), pg_temp.person('helper2', 'support'),
          pg_temp.person('ann'), pg_temp.person('keeper');
  -- Everything that an administrator has but one.
  perform api.create_role('keepers', array['users:read', 'users:write', 'users:delete', 'sessions:manage', 'roles:write', 'roles:assign', 'api_keys:manage']::app.permission_name[]);
  perform api.assign_role(pg_temp.id('keeper'), 'keepers');
end $$;

create temp table acts (statement) as values
  ($$select (api.update_user(%L, '{locale}', locale => 'de')).locale$$), ('select (api.suspend_user(%L)).status'), ('select (api.reactivate_user(%L)).status'),
  ('select (api.unlock_user(%L)).status'), ('select api.revoke_user_sessions(%L)'), ('select api.delete_user(%L)'), ('select (api.restore_user(%L)).status'),
  ($$select api.assign_role(%L, 'user')$$), ($$select api.remove_role(%L, 'user')$$), ('select api.anonymize_user(%L)'),
  ('select api.reset_user_mfa(%L)'), ($$select api.create_user_api_key(%L, 'Robot', '{}')$$), ('select api.revoke_user_api_key(%L, gen_random_uuid())');

select is(pg_temp.outcome('keeper', format(statement, pg_temp.id('root'))), 'above_own_permissions', 'BR-503: not on an administrator: ' || statement) from acts;
select isnt(pg_temp.outcome('keeper', format(statement, pg_temp.id('ann'))), 'above_own_permissions', 'but on somebody with fewer permissions: ' || statement) from acts;
select is(count(*), 13::bigint, 'BR-503: every function that acts on another account asks') from pg_proc p
where p.pronamespace = 'api'::regnamespace and p.prosrc ~ ('private\.check_outranks\(' || p.proname || '\.id\)');
select is_empty(
  $$select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'api'::regnamespace and p.provolatile = 'v' and p.proargnames[1] = 'id' and obj_description(p.oid, 'pg_proc') ~ '@permission'
      and p.prosrc !~ 'private\.check_outranks\('$$,
  'BR-503: none is left out');

select is(pg_temp.outcome('helper', 'select api.suspend_user(%L)', pg_temp.id('root')::text), 'above_own_permissions', 'BR-503: who helps people suspends no administrator');
select is(pg_temp.outcome('helper', 'select api.anonymize_user(%L)', pg_temp.id('root')::text), 'above_own_permissions', 'BR-503: and erases none');
select is(pg_temp.outcome('helper', 'select api.suspend_user(%L)', pg_temp.id('keeper')::text), 'above_own_permissions', 'BR-503: one permission more is enough');
select is(pg_temp.outcome('helper', 'select (api.suspend_user(%L)).status', pg_temp.id('helper2')::text), 'suspended', 'equals can act on each other');
select is(pg_temp.outcome('helper', 'select (api.suspend_user(%L)).status', pg_temp.id('helper')::text), 'suspended', 'and everybody on themselves');
select is(pg_temp.outcome('boss', 'select (api.suspend_user(%L)).status', pg_temp.id('keeper')::text), 'suspended', 'an administrator acts on everybody');
select is(pg_temp.outcome('boss', 'select (api.suspend_user(%L)).status', pg_temp.id('root')::text), 'suspended', 'also on another administrator');
do $$ begin perform pg_temp.person('helper3', 'support'); end $$;
select is(pg_temp.outcome('helper3', 'select api.reactivate_user(%L)', pg_temp.id('root')::text), 'above_own_permissions', 'BR-503: what a suspended account may do counts: nobody brings back who is above them');
do $$ begin perform api.reactivate_user(pg_temp.id('root')), api.delete_user(pg_temp.id('root')), pg_temp.person('restorer'), api.create_role('restorers', '{users:delete}');
  perform api.assign_role(pg_temp.id('restorer'), 'restorers'); end $$;
select is(pg_temp.outcome('restorer', 'select api.restore_user(%L)', pg_temp.id('root')::text), 'above_own_permissions', 'BR-503: nor a deleted one');
select is(pg_temp.outcome('operator', 'select (api.restore_user(%L)).status', pg_temp.id('root')::text), 'active', 'BR-509: an operator may do all that');

-- One's own account: what takes proof of who one is takes it whichever way one comes.
select is(pg_temp.outcome('boss', format(statement, pg_temp.id('boss'))), 'own_account', 'BR-511: not on one''s own account: ' || statement)
from acts where statement ~ 'unlock_user|reset_user_mfa|create_user_api_key';
select is(pg_temp.outcome('operator', $$select (api.unlock_user(%L)).username$$, pg_temp.id('boss')::text), 'boss', 'BR-509: an operator has shown who they are');
do $$
declare
  v_id uuid := pg_temp.id('boss');
begin
  perform set_config('role', 'roster_dba', true), admin.act_as('boss'), api.create_user_api_key(v_id, 'by hand', '{}'), admin.act_as(null), set_config('role', 'none', true);
end $$;
select is((select count(*) from app.api_keys k where k.user_id = pg_temp.id('boss')), 1::bigint, 'also one who acts as that person');
select is(count(*), 3::bigint, 'BR-511: every function that does for others what one proves oneself for') from pg_proc p
where p.pronamespace = 'api'::regnamespace and p.prosrc ~ ('private\.refuse_own_account\(' || p.proname || '\.id\)');
select is(pg_temp.outcome('boss', 'select (api.unlock_user(%L)).username', pg_temp.id('helper')::text), 'helper', 'others are not meant');

-- A role that has ended counts no more.
do $$ begin perform pg_temp.person('temp'), api.assign_role(pg_temp.id('temp'), 'admin', private.now() + interval '1 hour'); end $$;
select is(pg_temp.outcome('helper3', 'select api.suspend_user(%L)', pg_temp.id('temp')::text), 'above_own_permissions', 'BR-503: a role that ends later counts now');
update private.clock set shift = '61 minutes';
select is(pg_temp.outcome('helper3', 'select (api.suspend_user(%L)).status', pg_temp.id('temp')::text), 'suspended', 'BR-506: when it has ended it does not');
update private.clock set shift = '0';

-- Reading is no acting
select is(pg_temp.outcome('helper3', 'select (api.get_user(%L)).username', pg_temp.id('root')::text), 'root', 'who may see accounts sees those above too');
select is(pg_temp.outcome('helper3', 'select (api.list_user_sessions(%L)).next_cursor', pg_temp.id('root')::text), 'ok', 'and their sessions');
select is(pg_temp.outcome('ann', 'select api.suspend_user(%L)', pg_temp.id('root')::text), 'forbidden', 'BR-501: without the permission nothing else is asked');

-- What an administrator may change of an account
select is(pg_temp.outcome('helper3', $$select (api.create_user('hal@example.org', 'hal')).username$$), 'hal', 'somebody new is below everybody');
select is(pg_temp.outcome('helper3', $$select (api.update_user(%L, '{username}', username => 'hal9')).username$$, private.find_user('hal')::text), 'hal9', 'and can be renamed');

select * from finish();
rollback;
