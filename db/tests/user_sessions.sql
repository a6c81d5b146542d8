-- Sessions: one's own, and those of people who need help. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(22);
\ir people.psql
do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('helper', 'support'), pg_temp.person('reader', 'auditor');
  for i in 1 .. 3 loop
    perform pg_temp.sign_in('ann');
  end loop;
end $$;

create function pg_temp.open_sessions(name text) returns bigint language sql as $$
  select count(*) from app.sessions s where s.user_id = pg_temp.id($1) and s.revoked_at is null
$$;

select is(pg_temp.outcome('ann', 'select cardinality((api.list_my_sessions()).items)'), '4', 'a person sees their open sessions');
select is(pg_temp.outcome('ann', 'select (select count(*) from unnest((api.list_my_sessions()).items) i where i.is_current)'), '1', 'of which one is the current one');
select is(pg_temp.outcome('bob', 'select cardinality((api.list_my_sessions()).items)'), '1', 'BR-114: and nobody else''s');
select is(pg_temp.outcome('bob', 'select api.revoke_my_session(%L)', (select s.id::text from app.sessions s where s.user_id = pg_temp.id('ann') limit 1)), 'not_found', 'BR-114: somebody else''s session answers like one that does not exist');
select is(pg_temp.open_sessions('ann'), 4::bigint, 'and stays');
select is(pg_temp.outcome('ann', 'select api.revoke_my_session(%L)', (select s.id::text from app.sessions s where s.user_id = pg_temp.id('ann') order by s.created_at limit 1)), 'ok', 'an own session is ended');
select is(pg_temp.outcome('ann', 'select api.revoke_my_other_sessions()'), 'ok', 'and all others');
select is(pg_temp.outcome('ann', 'select cardinality((api.list_my_sessions()).items)'), '1', 'but the one of the request');

-- Somebody who helps
do $$ begin perform pg_temp.sign_in('ann'), pg_temp.sign_in('ann'); end $$;
select is(pg_temp.outcome('bob', 'select api.list_user_sessions(%L)', pg_temp.id('ann')::text), 'forbidden', 'BR-501: other people''s sessions are listed only by who may');
select is(pg_temp.outcome('reader', 'select api.list_user_sessions(%L)', pg_temp.id('ann')::text), 'forbidden', 'BR-501: to see accounts is not enough');
select is(pg_temp.outcome('bob', 'select api.revoke_user_sessions(%L)', pg_temp.id('ann')::text), 'forbidden', 'BR-501: nor ended by anybody else');
select is(pg_temp.outcome('helper', 'select cardinality((api.list_user_sessions(%L)).items)', pg_temp.id('ann')::text), '3', 'who may sees them');
select is(pg_temp.outcome('helper', 'select (select count(*) from unnest((api.list_user_sessions(%L)).items) i where i.is_current)', pg_temp.id('ann')::text), '0', 'none of which is the current one');
select is(pg_temp.outcome('helper', 'select cardinality((api.list_user_sessions(%L, null, 2)).items)', pg_temp.id('ann')::text), '2', 'page by page');
select isnt(pg_temp.outcome('helper', 'select cardinality((api.list_user_sessions(%1$L, (api.list_user_sessions(%1$L, null, 2)).next_cursor, 2)).items)', pg_temp.id('ann')::text), '2', 'to the end');
select is(pg_temp.outcome('helper', 'select api.list_user_sessions(%1$L, (api.list_my_sessions(null, 1)).next_cursor)', pg_temp.id('bob')::text), pg_temp.outcome('helper', 'select api.list_user_sessions(%L)', pg_temp.id('bob')::text),
  'a list that ends has no cursor');
select is(pg_temp.outcome('helper', format('select api.list_user_sessions(%L, (api.list_user_sessions(%L, null, 1)).next_cursor)', pg_temp.id('bob'), pg_temp.id('ann'))), 'cursor_invalid', 'a cursor of one person''s list is none of another''s');
select is(pg_temp.outcome('helper', 'select api.list_user_sessions(%L)', gen_random_uuid()::text), 'not_found', 'nobody has no sessions');
select is(pg_temp.outcome('helper', 'select api.revoke_user_sessions(%L)', gen_random_uuid()::text), 'not_found', 'and none can be ended');
select is(pg_temp.outcome('helper', 'select api.revoke_user_sessions(%L)', pg_temp.id('ann')::text), 'ok', 'who may ends them all');
select is(pg_temp.outcome('ann', 'select api.get_me()'), 'authentication_required', 'BR-106: which takes effect with the next request');
select is((select count(*) from audit.audit_logs l where l.action = 'sessions.updated' and l.user_id = pg_temp.id('ann') and l.actor_user_id = pg_temp.id('helper')), 3::bigint, 'BR-205: the log says who did it');

select * from finish();
rollback;
