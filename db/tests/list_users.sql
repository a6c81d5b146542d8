-- The list of accounts: filters, orders, pages. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(94);

\ir callers.psql

create function pg_temp.names(page api.user_page) returns text language sql as
  $$ select string_agg(u.username, ' ' order by u.ordinality) from unnest((page).items) with ordinality u $$;
create function pg_temp.list(parameters text default '') returns text language plpgsql as $$
declare
  v_names text;
begin
  execute format('select pg_temp.names(api.list_users(%s))', list.parameters) into v_names;
  return v_names;
end
$$;
create function pg_temp.all_pages(sort text, size integer) returns text language plpgsql as $$
declare
  v_page  api.user_page;
  v_names text;
begin
  loop
    v_page := api.list_users(sort => all_pages.sort, cursor => v_page.next_cursor, "limit" => all_pages.size, include_deleted => true);
    v_names := concat_ws(' ', v_names, pg_temp.names(v_page));
    exit when v_page.next_cursor is null;
  end loop;
  return v_names;
end
$$;

-- Six people, made a minute after each other; erin and frank at the same moment.
do $$ begin perform pg_temp.person(n) from unnest('{root,bob,Carol,dave,erin,frank}'::text[]) n; end $$;
update app.users u set created_at = timestamptz '2026-01-01 12:00:00.123456+00' + (least(array_position('{root,bob,Carol,dave,erin,frank}', u.username::text), 5) - 1) * interval '1 minute';
call pg_temp.grant_role('root', 'admin');
call pg_temp.grant_role('bob', 'support');
update app.users set email = 'Aaron@example.net' where username = 'frank';
update app.users set status = 'active', is_email_verified = true where username in ('root', 'bob', 'Carol');
update app.user_profiles p set (first_name, last_name) = (n.first_name, n.last_name)
from (values ('dave', U&'Siobh\00e1n', U&'\00d3 Murch\00fa-Smith'), ('Carol', null, U&'\5c71\7530'), ('bob', 'Bob', 'O''Brien')) n (username, first_name, last_name)
where p.user_id = pg_temp.id(n.username);
update app.users set status = 'suspended', suspended_at = now() where username = 'dave';
update app.users set status = 'deleted', deleted_at = now() where username = 'erin';

-- Who may
call pg_temp.be('Carol');
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'the list needs the permission users:read');
select is(pg_temp.outcome('select private.find_users(null, null, null, null, null, null, null, null, null)'), '42501', 'nor is there a way past the function');
call pg_temp.be('bob');
select is(pg_temp.outcome('select api.list_users()'), 'ok', 'whose role has it may list');
call pg_temp.be(null);
set local role roster_user;
select is(pg_temp.outcome('select api.list_users()'), 'forbidden', 'nobody may not');
set local role roster_anonymous;
select is(pg_temp.outcome('select api.list_users()'), '42501', 'and who is not signed in may not ask');
reset role;
update app.users set last_login_at = case username when 'dave' then timestamptz '2026-02-01' when 'Carol' then timestamptz '2026-02-02' end where username <> 'root';

-- Filters
call pg_temp.be('root');
select is(pg_temp.list(parameters), names, format('list_users(%s)', parameters))
from (values
  ($q$$q$, 'frank dave Carol bob root'),
  ($q$include_deleted => true, sort => 'username'$q$, 'bob Carol dave erin frank root'),
  ($q$status => 'deleted'$q$, 'erin'),
  ($q$status => 'suspended'$q$, 'dave'),
  ($q$status => 'active'$q$, 'Carol bob root'),
  ($q$status => 'inactive'$q$, 'frank'),
  ($q$role => 'support'$q$, 'bob'),
  ($q$role => 'user', sort => 'username'$q$, 'bob Carol dave frank root'),
  ($q$role => 'no_such_role'$q$, null),
  ($q$q => 'ca'$q$, 'Carol'),
  ($q$q => 'CAROL@'$q$, 'Carol'),
  ($q$q => 'aaron'$q$, 'frank'),
  ($q$q => 'arol'$q$, null),
  ($q$q => '%'$q$, null),
  ($q$q => 'siob'$q$, 'dave'),
  ($q$q => E'SIOBH\u00c1N'$q$, 'dave'),
  ($q$q => 'murch siob'$q$, 'dave'),
  ($q$q => 'siob bob'$q$, null),
  ($q$q => 'iobh'$q$, null),
  ($q$q => 'smith'$q$, 'dave'),
  ($q$q => 'frank aar'$q$, 'frank'),
  ($q$q => 'frank net'$q$, null),
  ($q$q => E'\u5c71\u7530'$q$, 'Carol'),
  ($q$q => 'o''br & !x:* | ('$q$, null),
  ($q$q => 'o''br'$q$, 'bob'),
  ($q$q => '_ob'$q$, null),
  ($q$q => '\'$q$, null),
  ($q$q => '', sort => 'username'$q$, 'bob Carol dave frank root'),
  ($q$q => 'ro', role => 'admin', status => 'active'$q$, 'root'),
  ($q$created_after => '2026-01-01 12:02:00.123456+00'$q$, 'frank dave Carol'),
  ($q$created_before => '2026-01-01 12:02:00.123456+00'$q$, 'bob root'),
  ($q$created_after => '2026-01-01 12:01+00', created_before => '2026-01-01 12:03+00'$q$, 'Carol bob'),
  ($q$q => 'x'' or true --'$q$, null)) t (parameters, names);

select is(pg_temp.outcome($q$select api.list_users(q => repeat('a', 255))$q$), '23514', 'what is looked for has at most 254 characters');
select is(pg_temp.outcome($q$select api.list_users(q => repeat(E'\u3316', 254))$q$), 'ok', 'whatever becomes of them when they are folded');

-- Orders
select is(pg_temp.list(format('sort => %L', sort)), names, 'in the order of ' || sort)
from (values
  ('created_at', 'root bob Carol dave frank'), ('-created_at', 'frank dave Carol bob root'),
  ('email', 'frank bob Carol dave root'), ('username', 'bob Carol dave frank root')) t (sort, names);
select matches(pg_temp.list($q$sort => 'last_login_at'$q$), '^(bob frank|frank bob) dave Carol root$', 'in the order of the last login, who never signed in first');
select is(pg_temp.outcome($q$select api.list_users(sort => 'password_hash')$q$), '23514', 'there is no other order');

-- Pages
select is(pg_temp.all_pages(sort, size), pg_temp.all_pages(sort, 100), format('pages of %s in the order of %s hold everybody once', size, sort))
from unnest('{created_at,-created_at,email,username,last_login_at}'::text[]) sort, unnest('{1,2,3,6}'::integer[]) size;
select is((select count(distinct name) from regexp_split_to_table(pg_temp.all_pages('-created_at', 1), ' ') name), 6::bigint, 'which are six people, two of one moment among them');
select isnt((api.list_users("limit" => 2)).next_cursor, null, 'a page that is not the last has a cursor');
select is((api.list_users("limit" => 5)).next_cursor, null, 'a full page that is the last has none');
select is(cardinality((api.list_users("limit" => 2)).items), 2, 'a page holds as many as were asked for');
do $$ begin perform set_config('response.headers', '', true), set_config('test.cursor', (api.list_users("limit" => 2)).next_cursor, true); end $$;
select is(current_setting('response.headers')::jsonb ->> 'Next-Cursor', current_setting('test.cursor'), 'the cursor stands in a header too, for the Link header');
select is(pg_temp.outcome(format('select api.list_users(cursor => %L)', cursor)), 'cursor_invalid', 'a forged cursor is refused: ' || left(cursor, 16))
from unnest(array['x', repeat('A', 60), reverse(current_setting('test.cursor')), current_setting('test.cursor') || 'AAAA']) cursor;
select is(pg_temp.outcome(format('select api.list_users(cursor => %L, sort => %L)', current_setting('test.cursor'), 'email')), 'cursor_invalid', 'the cursor of one order is none of another');
select is(pg_temp.outcome(format('select api.list_audit_logs(cursor => %L)', current_setting('test.cursor'))), 'cursor_invalid', 'nor of another list');
select is(pg_temp.list(format('cursor => %L, "limit" => 2', current_setting('test.cursor'))), 'Carol bob', 'a page starts where the last one ended');
reset role;
do $$ begin perform pg_temp.person('zoe'); end $$;
set local role roster_user;
select is(pg_temp.list(format('cursor => %L, "limit" => 2', current_setting('test.cursor'))), 'Carol bob', 'whoever has come meanwhile');

-- A word that is longer than any
select is(pg_temp.list(format('q => %L', repeat(letter, 254))), pg_temp.list($$q => 'qqqq'$$), format('a word of 254 %s is one that nobody has', letter)) from unnest('{a,é,字,😀}'::text[]) letter;

-- How many
select is((api.list_users(count => 'estimated', "limit" => 3)).estimated_count >= 4, true, 'an estimate is never less than what the list has shown to be there');
reset role;
analyze app.users;
set local role roster_user;
select is((api.list_users()).estimated_count, null, 'nobody counts unless it is asked for');
select is((api.list_users(count => 'estimated')).estimated_count, 6::bigint, 'what fits on one page is counted exactly');
select ok((api.list_users(count => 'estimated', "limit" => 1)).estimated_count between 4 and 8, 'of what does not, the planner tells about how many there are');
select is((api.list_users(count => 'estimated', "limit" => 1, q => 'bob')).estimated_count, 1::bigint, 'so with a search');
select ok((api.list_users(count => 'estimated', "limit" => 1, q => 'example')).estimated_count is not null, 'whatever it finds');
select is((api.list_users(count => 'estimated', status => 'suspended')).estimated_count, 1::bigint, 'and with a filter');
select is(pg_temp.outcome($q$select api.list_users(count => 'exact')$q$), '23514', 'there is no exact count');

-- What an item shows
select is(to_jsonb((api.list_users(q => 'bob')).items[1]) - 'last_login_at', to_jsonb(api.get_user(pg_temp.id('bob'))) - 'last_login_at', 'an item is the account as its own route shows it');
select is((select count(*) from jsonb_object_keys(to_jsonb((api.list_users(q => 'bob')).items[1])) k where k ~ 'hash|secret|key|locked|failed'), 0::bigint, 'without a secret or the state of its lock');

-- Only then is a page one query: a setting of the function, or another owner's rights, would make it one for each account.
create function pg_temp.explained(query text) returns setof text language plpgsql as $$ begin return query execute 'explain ' || query; end $$;
select is((select count(*) from pg_temp.explained('select * from private.show_user(null)') line where line ~ 'show_user'), 0::bigint, 'how an account looks becomes part of the query that asks');

select * from finish();
rollback;
