-- What happened to my account, without what is somebody else's. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(15);
\ir people.psql
do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('root', 'admin');
  perform pg_temp.outcome('ann', $q$select api.update_me('{first_name}', first_name => 'Ann')$q$);
  perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('x')));
  perform pg_temp.outcome('root', format('select api.update_user(%L, %L, last_name => %L)', pg_temp.id('ann'), '{last_name}', 'Lee'));
  perform set_config('request.context', '', true);
end $$;

create function pg_temp.shown(name text, action text) returns text language sql as $$
  select pg_temp.outcome($1, format('select (a.by_myself, a.session_id is not null, a.client_address)::text from unnest((api.list_my_activity(null, 100)).items) a where a.action = %L limit 1', $2))
$$;
select is(pg_temp.shown('ann', 'login.failed'), '(f,f,198.51.100.7)', 'BR-309: who tried my password shows with the address');
select is(pg_temp.shown('ann', 'user_profiles.updated'), '(f,f,)', 'BR-309: what an administrator changed shows without theirs');
do $$ begin perform pg_temp.outcome('ann', $q$select api.update_me('{locale}', locale => 'de')$q$); end $$;
select is(pg_temp.shown('ann', 'user_profiles.updated'), '(t,t,198.51.100.7)', 'what I did shows as mine');
select is(pg_temp.outcome('bob', $$select count(*) from unnest((api.list_my_activity(null, 100)).items) a where a.action = 'login.failed'$$), '0', 'BR-508: nobody sees another''s activity');
select is(pg_temp.outcome(null, 'select api.list_my_activity()'), '42501', 'nor any without being signed in');

-- An operator who acts as me
do $$ begin
  perform admin.act_as('ann');
  perform api.update_me('{avatar_url}', avatar_url => 'https://example.org/a.png');
  perform admin.act_as(null);
end $$;
select is(pg_temp.shown('ann', 'user_profiles.updated'), '(f,t,)', 'BR-115: what an operator did as me does not show as mine');
select is(pg_temp.shown('ann', 'operator.acted_as'), '(f,t,)', 'BR-115: that they acted as me shows too');
select is((select (l.actor_user_id, l.database_role)::text from audit.audit_logs l where l.action = 'user_profiles.updated' order by l.id desc limit 1), (pg_temp.id('ann'), session_user)::text, 'BR-115: the log has both of us');
select is((select s.revoked_reason || ' ' || s.database_role from app.sessions s where s.database_role is not null), 'released ' || session_user, 'BR-115: their session was one like any other');
select is(pg_temp.outcome('operator', $$select admin.act_as('nobody')$$), 'not_found', 'nobody acts as nobody');
do $$ begin perform api.suspend_user(pg_temp.id('bob')); end $$;
select is(pg_temp.outcome('operator', $$select admin.act_as('bob')$$), 'status_conflict', 'BR-115: nor as somebody who cannot sign in');
select is(pg_temp.outcome('root', $$select admin.act_as('ann')$$), '42501', 'BR-115: a request does not act as anybody');

-- Pages
select is(pg_temp.outcome('ann', $$
  with recursive page as (
    select p.items, p.next_cursor from api.list_my_activity(null, 2) p
    union all select n.items, n.next_cursor from page p, lateral api.list_my_activity(p.next_cursor, 2) n where p.next_cursor is not null)
  select count(*) from page p, unnest(p.items)$$),
  (select count(*)::text from audit.audit_logs l where l.user_id = pg_temp.id('ann')), 'pages cover everything once');
select is(pg_temp.outcome('ann', $$select cardinality((api.list_my_activity(null, 3)).items)$$), '3', 'a page has its size');
select is(pg_temp.outcome('ann', $$select api.list_my_activity('made up')$$), 'cursor_invalid', 'a cursor that was made up is refused');

select * from finish();
rollback;
