-- To count a million accounts takes a second; the planner knows about how many there are. EXPLAIN, like every utility
-- command, needs a function that is declared volatile.
create or replace function private.estimate_users(
  matches uuid[], status text, role text, created_after timestamptz, created_before timestamptz, include_deleted boolean,
  prefix text, words tsquery) returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_plan jsonb;
begin
  execute 'explain (format json) select from app.users u where true' || private.user_filter(
    matches is not null, prefix is not null, estimate_users.status is not null, include_deleted, role is not null,
    created_after is not null, created_before is not null)
  into v_plan
  using matches, estimate_users.status, role, created_after, created_before, null::jsonb, null::integer, prefix, words;
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
end
$$;
comment on function private.estimate_users(uuid[], text, text, timestamptz, timestamptz, boolean, text, tsquery) is 'About how many accounts fit a search.';
revoke all on function private.estimate_users(uuid[], text, text, timestamptz, timestamptz, boolean, text, tsquery) from public;
