-- Changing one's own data. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(29);

\ir callers.psql

create function pg_temp.patch(parameters text) returns text language plpgsql as $$
declare
  v_user api.user;
begin
  execute format('select * from api.update_me(%s)', patch.parameters) into v_user;
  return (v_user.username, v_user.first_name, v_user.last_name, v_user.phone, v_user.locale, v_user.avatar_url, v_user.metadata)::text;
end
$$;
create function pg_temp.version() returns bigint language sql as $$ select (api.get_me()).version $$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'); end $$;
call pg_temp.be('ann');

-- Present and absent
select is(pg_temp.patch($$'{first_name,last_name,phone,avatar_url,metadata}', first_name => 'Ann', last_name => 'Lee', phone => '+41791234567', avatar_url => 'https://example.org/a.png', metadata => '{"a": 1}'$$),
  '(ann,Ann,Lee,+41791234567,en,https://example.org/a.png,"{""a"": 1}")', 'what is sent is set');
select is(pg_temp.patch($$'{locale}', locale => 'de'$$), '(ann,Ann,Lee,+41791234567,de,https://example.org/a.png,"{""a"": 1}")', 'BR-024: what is not sent stays');
select is(pg_temp.patch($$'{first_name}', first_name => null$$), '(ann,,Lee,+41791234567,de,https://example.org/a.png,"{""a"": 1}")', 'null clears');
select is(pg_temp.patch($$'{last_name,phone,avatar_url}'$$), '(ann,,,,de,,"{""a"": 1}")', 'every field that can be empty');
select is(pg_temp.patch($$'{username,locale,metadata}'$$), '(ann,,,,de,,"{""a"": 1}")', 'but not what must not be');
select is(pg_temp.patch($$'{first_name}', first_name => 'Ann', last_name => 'ignored'$$), '(ann,Ann,,,de,,"{""a"": 1}")', 'what is not among the keys is not set');
select is(pg_temp.patch($$'{username}', username => 'Annie'$$), '(Annie,Ann,,,de,,"{""a"": 1}")', 'a name can be changed');
select is(pg_temp.outcome($$select api.update_me('{username}', username => 'BOB')$$), 'username_taken', 'but not to one that is taken');
select is(pg_temp.outcome($$select api.update_me('{username}', username => 'a b')$$), '23514', 'nor to what is no name');
select is(pg_temp.outcome($$select api.update_me('{username}', username => 'annie')$$), 'ok', 'to one''s own in other capitals, it can');
reset role;
select is((select (username, username_key)::text from app.users where id = pg_temp.id('annie')), '(annie,annie)', 'the key follows the name');
select is((select (u.username, p.first_name)::text from app.users u join app.user_profiles p on p.user_id = u.id where u.username = 'bob'), '(bob,)', 'nobody else has changed');
set local role roster_user;

-- If-Match
do $$ begin perform set_config('test.version', pg_temp.version()::text, true); end $$;
select is(pg_temp.outcome(format('select api.update_me(%L, first_name => %L, if_match => %L)', '{first_name}', 'A', format('"%s"', pg_temp.version() - 1))), 'precondition_failed', 'BR-019: another version than the one that was read is not changed');
select is(pg_temp.version(), current_setting('test.version')::bigint, 'nothing happened');
select is(pg_temp.outcome(format('select api.update_me(%L, first_name => %L, if_match => %L)', '{first_name}', 'A', format('"%s"', pg_temp.version()))), 'ok', 'the one that was read is');
select ok(pg_temp.version() > current_setting('test.version')::bigint, 'a change moves the version');
select is(pg_temp.outcome(format('select api.update_me(%L, first_name => %L, if_match => %L)', '{first_name}', 'B', format('"%s"', current_setting('test.version')))), 'precondition_failed', 'so that the second of two changes of one version is refused');

-- Telephone numbers
reset role;
update app.users set is_phone_verified = true where username = 'annie';
set local role roster_user;
do $$ begin perform api.update_me('{first_name}', first_name => 'A'); end $$;
select ok((api.get_me()).is_phone_verified, 'a verified number stays so while it stays');
select is((api.update_me('{phone}', phone => '+41790000000')).is_phone_verified, false, 'a new number is not verified');

-- Limits
select is(pg_temp.outcome(format('select api.update_me(%L, metadata => %L)', '{metadata}', jsonb_build_object('a', repeat('x', 8192 - 9)))), 'ok', 'BR-018: metadata may have 8 KiB');
select is(pg_temp.outcome(format('select api.update_me(%L, metadata => %L)', '{metadata}', jsonb_build_object('a', repeat('x', 8192 - 8)))), 'metadata_too_large', 'and not a byte more');
select is(pg_temp.outcome(format('select api.update_me(%L, metadata => %L)', '{metadata}', jsonb_build_object('a', repeat('é', 4096)))), 'metadata_too_large', 'bytes, not characters');
select is(pg_temp.outcome($$select api.update_me('{metadata}', metadata => '[1]')$$), '23514', 'metadata is an object');
select is(pg_temp.outcome($$select api.update_me('{first_name}', first_name => '')$$), '23514', 'an empty name is no name');
select is(pg_temp.outcome(format('select api.update_me(%L, first_name => %L)', '{first_name}', E'A\nB')), '23514', 'nor is one with a line break');

-- The log
reset role;
select is((select array_agg(distinct l.changed_fields::text) from audit.audit_logs l where l.action = 'user_profiles.updated' and l.new_values ? 'phone' and not l.new_values ? 'avatar_url'),
  '{"{phone}"}', 'the log has the fields that changed');
select is((select (l.old_values, l.new_values)::text from audit.audit_logs l where l.action = 'users.updated' and 'username' = any (l.changed_fields) order by l.id limit 1),
  '("{""username"": ""ann""}","{""username"": ""Annie""}")', 'with old and new, and nothing else');
do $$ begin perform set_config('test.rows', (select count(*)::text from audit.audit_logs), true); end $$;
set local role roster_user;
do $$ begin perform api.update_me('{locale}', locale => 'de'); end $$;
reset role;
select is((select count(*) from audit.audit_logs), current_setting('test.rows')::bigint, 'what changes nothing is no event');

-- Nobody
call pg_temp.be(null);
set local role roster_user;
select is(pg_temp.outcome($$select api.update_me('{first_name}', first_name => 'A')$$), 'authentication_required', 'who is nobody changes nothing');

select * from finish();
rollback;
