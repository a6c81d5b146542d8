-- Where am I signed in: listing and ending sessions. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(29);

\ir callers.psql

create temp table kept (name text primary key, reply jsonb);
grant select on kept to public;
create function pg_temp.session_of(name text) returns uuid language sql as $$ select (k.reply ->> 'session_id')::uuid from kept k where k.name = session_of.name $$;
create procedure pg_temp.resume(name text) language plpgsql as $$
begin
  perform set_config('role', 'none', true);
  perform set_config('request.session', (select k.reply ->> 'secret' from kept k where k.name = resume.name), true), set_config('role', 'roster_user', true);
end
$$;
create function pg_temp.all_pages(size integer) returns uuid[] language plpgsql as $$
declare
  v_page api.session_page;
  v_ids  uuid[] := '{}';
begin
  loop
    v_page := api.list_my_sessions(v_page.next_cursor, all_pages.size);
    v_ids := v_ids || array(select (i).id from unnest(v_page.items) i);
    exit when v_page.next_cursor is null;
  end loop;
  return v_ids;
end
$$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'); end $$;
insert into kept values ('phone', pg_temp.sign_in('ann', 'Phone')), ('desk', pg_temp.sign_in('ann')), ('gone', pg_temp.sign_in('ann')), ('bob', pg_temp.sign_in('bob'));
do $$ begin perform api.logout((select reply ->> 'refresh_token' from kept where name = 'gone')); end $$;

call pg_temp.resume('phone');
select is((select array_agg((i).id) from unnest((api.list_my_sessions()).items) i), array[pg_temp.session_of('desk'), pg_temp.session_of('phone')],
  'a person sees their open sessions, newest first, and nobody else''s');
select is((select array_agg((i).is_current) from unnest((api.list_my_sessions()).items) i), '{f,t}', 'and which one this is');
select is((select ((i).device_name, (i).client_address, (i).user_agent)::text from unnest((api.list_my_sessions()).items) i where (i).is_current), '(Phone,192.0.2.7,tests)', 'and from where');
select is((api.list_my_sessions()).next_cursor, null, 'one page is the last one');
select is(pg_temp.outcome($$select api.list_my_sessions('forged-forged-forged-forged')$$), 'cursor_invalid', 'a cursor that was made up is refused');
select is(pg_temp.outcome('select secret_hash from app.sessions'), '42501', 'no request reads the digest of a session');
select is(pg_temp.outcome('select 1 from app.refresh_tokens'), '42501', 'nor anything of a refresh token');
select is((select count(*) from app.sessions), 3::bigint, 'row-level security shows one''s own sessions only');

select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', pg_temp.session_of('bob'))), 'not_found', 'BR-114: somebody else''s session answers as a missing one');
select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', gen_random_uuid())), 'not_found', 'as one that does not exist');
select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', pg_temp.session_of('gone'))), 'not_found', 'and one that has ended');
select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', pg_temp.session_of('desk'))), 'ok', 'one''s own session can be ended');
select is((select array_agg((i).id) from unnest((api.list_my_sessions()).items) i), array[pg_temp.session_of('phone')], 'and is open no more');
call pg_temp.resume('desk');
select is(pg_temp.outcome('select api.get_me()'), 'authentication_required', 'its access token is good for nothing from the next request on');
reset role;
select is((select revoked_reason from app.sessions where id = pg_temp.session_of('desk')), 'revoked', 'the reason is kept');
select is((select revoked_at from app.sessions where id = pg_temp.session_of('bob')), null, 'nobody else''s session ended');
select is((select count(*) from app.refresh_tokens where session_id = pg_temp.session_of('desk') and revoked_at is null), 0::bigint, 'its refresh token ended with it');

-- Pages
insert into kept select 'more' || n, pg_temp.sign_in('ann') from generate_series(1, 7) n;
update app.sessions set created_at = (select created_at from app.sessions where id = pg_temp.session_of('phone')) where user_id = pg_temp.id('ann');
call pg_temp.resume('phone');
select is(pg_temp.all_pages(3), array(select id from app.sessions where revoked_at is null order by id desc), 'pages of three hold every session once, also those of one moment');
select is(pg_temp.all_pages(8), pg_temp.all_pages(100), 'the size of the pages makes no difference, nor does a full last page');

-- All others
select is(pg_temp.outcome('select api.revoke_my_other_sessions()'), 'ok', 'all others can be ended at once');
select is((select array_agg((i).id) from unnest((api.list_my_sessions()).items) i), array[pg_temp.session_of('phone')], 'but not the one that asks');
reset role;
select is((select revoked_at from app.sessions where id = pg_temp.session_of('bob')), null, 'nor anybody else''s');
select is((select count(*) from app.refresh_tokens t join app.sessions s on s.id = t.session_id where s.user_id = pg_temp.id('ann') and t.used_at is null and t.revoked_at is null), 1::bigint, 'one refresh token of theirs is left');

-- Ends
update private.clock set shift = '30 days 1 second';
call pg_temp.resume('bob');
select is(pg_temp.outcome('select api.list_my_sessions()'), 'authentication_required', 'a session past its end is nobody');
reset role;
do $$ begin perform set_config('test.old', pg_temp.session_of('bob')::text, true); end $$;
insert into kept values ('bob2', pg_temp.sign_in('bob'));
call pg_temp.resume('bob2');
select is((select array_agg((i).id) from unnest((api.list_my_sessions()).items) i), array[pg_temp.session_of('bob2')], 'and is not listed');
call pg_temp.be(null);
select is(pg_temp.outcome('select api.revoke_my_other_sessions()'), 'authentication_required', 'who is nobody ends nothing');
select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', pg_temp.session_of('bob2'))), 'authentication_required', 'neither all nor one');

-- Support
do $$ begin perform pg_temp.person('sue'); end $$;
insert into app.user_roles (user_id, role_id) select pg_temp.id('sue'), id from app.roles where name = 'support';
call pg_temp.be('sue');
select is((select count(*) from unnest((api.list_my_sessions()).items)), 1::bigint, 'whose role shows all sessions still sees only their own among them');
select is(pg_temp.outcome(format('select api.revoke_my_session(%L)', pg_temp.session_of('bob2'))), 'not_found', 'and ends only their own by this route');

select * from finish();
rollback;
