-- Seeing accounts: one's own, others with the permission, nothing else. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(33);

\ir callers.psql

do $$ begin perform pg_temp.person(n) from unnest('{ann,bob,sue}'::text[]) n; end $$;
call pg_temp.grant_role('sue', 'support');
update app.user_profiles set first_name = 'Ann', metadata = '{"a": 1}' where user_id = pg_temp.id('ann');

-- Oneself
call pg_temp.be('ann');
select is((api.get_me()).id, pg_temp.id('ann'), 'a person sees themselves');
select is(to_jsonb(api.get_me()), to_jsonb(api.get_user(pg_temp.id('ann'))), 'by both routes');
select is((select (m.first_name, m.metadata, m.roles, m.permissions)::text from api.get_me() m), '(Ann,"{""a"": 1}",{user},{})', 'with profile, roles and permissions');

-- Others
select is(pg_temp.outcome(format('select api.get_user(%L)', pg_temp.id('bob'))), 'not_found', 'BR-508: somebody else''s account answers as a missing one');
select is(pg_temp.outcome(format('select api.get_user(%L)', gen_random_uuid())), 'not_found', 'as one that does not exist');
select is(pg_temp.outcome('select api.get_user(null)'), 'not_found', 'and as none');
select is((select array_agg(username::text) from app.users), '{ann}', 'row-level security shows one''s own account only');
select is((select count(*) from app.user_profiles), 1::bigint, 'and profile');
select is((select count(*) from app.user_roles), 1::bigint, 'and roles');
select is((select count(*) from app.consents), 1::bigint, 'and consents');
select is((select count(*) from audit.audit_logs), 0::bigint, 'and nothing of the log');
select is(pg_temp.outcome('select password_hash from app.users'), '42501', 'a password hash is not readable, not one''s own either');
select is(pg_temp.outcome(format('update app.users set username = %L where id = %L', 'bobby', pg_temp.id('bob'))), 'ok', 'a change of somebody else''s account');
select is((select count(*) from app.users where username = 'bobby'), 0::bigint, 'finds nothing to change');
select is(pg_temp.outcome(format('insert into app.consents (user_id, purpose, is_granted) values (%L, %L, true)', pg_temp.id('bob'), 'news')), '42501', 'nobody consents for somebody else');
select is(pg_temp.outcome(format('insert into app.consents (user_id, purpose, is_granted) values (%L, %L, true)', pg_temp.id('ann'), 'news')), '42501', 'nor for oneself, but by the function that keeps the history');
select is(pg_temp.outcome('update app.consents set is_granted = false'), '42501', 'and history does not change');
select is(pg_temp.outcome($q$update app.users set status = 'active'$q$), '42501', 'nobody changes a status, not their own either');
select is(pg_temp.outcome('update app.users set is_email_verified = true'), '42501', 'or calls an address verified');
select is(pg_temp.outcome('delete from app.users'), '42501', 'or deletes a row');
select is(pg_temp.outcome('select from app.settings'), '42501', 'settings are not for requests');

-- With the permission
call pg_temp.be('sue');
select is((api.get_user(pg_temp.id('ann'))).username, 'ann', 'support sees any account');
select is((api.get_user(pg_temp.id('ann'))).roles, '{user}', 'with its roles');
select is((api.get_user(pg_temp.id('ann'))).first_name, 'Ann', 'and its profile');
select is((select count(*) from app.consents), 1::bigint, 'but not its consents');
select is((select count(distinct user_id) from app.sessions), 2::bigint, 'sessions:manage shows all sessions');
select is(pg_temp.outcome(format('update app.users set username = %L where id = %L', 'bobby', pg_temp.id('bob'))), 'ok', 'support changes nobody directly');
reset role;
select is((select count(*) from app.users where username = 'bobby'), 0::bigint, 'either');
delete from app.user_roles where user_id = pg_temp.id('sue');
set local role roster_user;
select is(pg_temp.outcome(format('select api.get_user(%L)', pg_temp.id('ann'))), 'not_found', 'without the role the next request sees nothing');

-- Nobody
call pg_temp.be(null);
set local role roster_user;
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'who is nobody has no account');
select is((select count(*) from app.users), 0::bigint, 'and sees none');
set local role roster_anonymous;
select is(pg_temp.outcome('select api.get_me()'), '42501', 'who is not signed in may not ask');
select is(pg_temp.outcome('select from app.users'), '42501', 'nor look');

select * from finish();
rollback;
