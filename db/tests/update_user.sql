-- What an administrator, or the person, changes of an account. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(29);
\ir people.psql
do $$ begin perform pg_temp.person('helper', 'support'), pg_temp.person('reader', 'auditor'), pg_temp.person('ann'), pg_temp.person('bob'); end $$;

create function pg_temp.update(name text, fields text) returns text language sql as $$
  select pg_temp.outcome($1, format('select (api.update_user(%L, %s)).version is not null', pg_temp.id('ann'), $2))
$$;
create function pg_temp.profile() returns text language sql as $$
  select concat_ws(' ', p.first_name, p.last_name, p.locale, p.avatar_url, p.metadata) from app.user_profiles p where p.user_id = pg_temp.id('ann')
$$;

select is(pg_temp.update('ann', $$'{}'$$), 'forbidden', 'BR-501: accounts are changed only by who may, one''s own goes another way');
select is(pg_temp.update('reader', $$'{}'$$), 'forbidden', 'BR-501: to see accounts is not enough');
select is(pg_temp.update('helper', $$'{first_name,last_name,locale,avatar_url,metadata}', null, 'Ann', 'Lee', null, 'de-CH', 'https://example.org/a.png', '{"a": 1}'$$), 'true', 'who may changes an account');
select is(pg_temp.profile(), 'Ann Lee de-CH https://example.org/a.png {"a": 1}', 'in all that was sent');
select is(pg_temp.update('helper', $$'{last_name}', null, 'Eve', 'Loo'$$), 'true', 'a field counts if it was sent');
select is(pg_temp.profile(), 'Ann Loo de-CH https://example.org/a.png {"a": 1}', 'BR-024: what was not sent stays');
select is(pg_temp.update('helper', $$'{last_name,avatar_url,locale,metadata}'$$), 'true', 'a field is sent as null');
select is(pg_temp.profile(), 'Ann de-CH {"a": 1}', 'BR-024: which clears it, if it can be empty');
select is(pg_temp.update('helper', $$'{username}', 'BOB'$$), 'username_taken', 'BR-002: a name belongs to one account, however it is written');
select is(pg_temp.update('helper', $$'{username}', 'an'$$), '23514', 'BR-003: a name has its form');
select is(pg_temp.update('helper', $$'{metadata}', metadata => jsonb_build_object('a', repeat('b', 8192))$$), 'metadata_too_large', 'BR-018: metadata has a limit of size');
select is(pg_temp.update('helper', $$'{metadata}', metadata => '[1]'$$), '23514', 'BR-018: and is an object');
select throws_ok(format('update app.user_profiles set metadata = jsonb_build_object(%L, repeat(%L, 8192)) where user_id = %L', 'a', 'b', pg_temp.id('ann')), '23514', null, 'BR-018: for the table too');
select is(pg_temp.update('helper', $$'{first_name}', null, 'Anna', if_match => '"0"'$$), 'precondition_failed', 'BR-019: with If-Match only the version that was read is changed');
select is(pg_temp.update('helper', format($$'{first_name}', null, 'Anna', if_match => '"%s"'$$, (select u.version from app.users u where u.username = 'ann'))), 'true', 'BR-019: and that version is');
create temp table versions as select u.version from app.users u where u.username = 'ann';
select is(pg_temp.update('helper', $$'{first_name}', null, 'Anne'$$), 'true', 'a change of the profile');
select ok((select u.version from app.users u where u.username = 'ann') > (select version from versions), 'BR-019: moves the version of the account');
select is(pg_temp.outcome('helper', format('select api.update_user(%L, %L)', gen_random_uuid(), '{}')), 'not_found', 'nobody cannot be changed');
select is((select count(*) from audit.audit_logs l where l.action = 'user_profiles.updated' and l.user_id = pg_temp.id('ann') and l.actor_user_id = pg_temp.id('helper')), 5::bigint, 'BR-201: every change is in the log, with who did it');
select is((select l.old_values ->> 'first_name' || ' -> ' || (l.new_values ->> 'first_name') from audit.audit_logs l where l.action = 'user_profiles.updated' and l.user_id = pg_temp.id('ann') order by l.id desc limit 1),
  'Anna -> Anne', 'BR-201: and with what it was before');

-- Fields that nobody changes like this
select is_empty($$select from pg_proc p, unnest(p.proargnames) a where p.proname in ('update_user', 'update_me') and a in ('email', 'password_hash', 'status', 'is_email_verified', 'is_phone_verified', 'roles', 'version')$$,
  'address, password, state, roles and verifications have functions of their own');
select is(pg_temp.outcome('helper', format('update app.user_profiles set first_name = %L where user_id = %L returning first_name', 'X', pg_temp.id('ann'))), 'ok', 'BR-508: a statement of a request');
select is(pg_temp.profile(), 'Anne de-CH {"a": 1}', 'BR-508: reaches no account but one''s own');
select is(pg_temp.outcome('helper', 'update app.users set status = ''active'''), '42501', 'and not its state');

-- Deleted and suspended accounts
do $$ begin perform api.suspend_user(pg_temp.id('ann')); end $$;
select is(pg_temp.update('helper', $$'{first_name}', null, 'Ann'$$), 'true', 'a suspended account can be changed');
do $$ begin perform api.delete_user(pg_temp.id('ann')); end $$;
select is(pg_temp.update('helper', $$'{first_name}', null, 'Ann'$$), 'not_found', 'a deleted one cannot');

-- Who sees what
select is(pg_temp.outcome('bob', 'select api.get_user(%L)', pg_temp.id('helper')::text), 'not_found', 'BR-508: somebody else''s account answers like one that does not exist');
select is(pg_temp.outcome('bob', 'select (api.get_user(%L)).username', pg_temp.id('bob')::text), 'bob', 'BR-508: one''s own does not');
select is(pg_temp.outcome('reader', 'select (api.get_user(%L)).username', pg_temp.id('bob')::text), 'bob', 'BR-508: nor any for who may see accounts');

select * from finish();
rollback;
