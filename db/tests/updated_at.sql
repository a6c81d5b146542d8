-- Rows that say when they last changed tell the truth. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(4);

create function pg_temp.moved(change text, look text) returns boolean language plpgsql as $$
declare
  v_before timestamptz;
  v_after  timestamptz;
begin
  execute look into v_before;
  execute change;
  execute look into v_after;
  return v_after > v_before;
end
$$;
do $$ begin perform api.register('ann@example.org', 'ann', '$2b$12$' || repeat('a', 53), true); end $$;

select ok(pg_temp.moved($$update app.settings set lock_after_failures = 7$$, 'select updated_at from app.settings'), 'a changed setting says when');
select ok(not pg_temp.moved($$update app.settings set lock_after_failures = 7$$, 'select updated_at from app.settings'), 'an unchanged one does not');
select ok(pg_temp.moved($$update app.roles set description = 'All' where name = 'user'$$, $$select updated_at from app.roles where name = 'user'$$), 'a changed role says when');
select ok(pg_temp.moved($$update app.user_profiles set locale = 'de'$$, 'select updated_at from app.user_profiles'), 'a changed profile says when');

select * from finish();
rollback;
