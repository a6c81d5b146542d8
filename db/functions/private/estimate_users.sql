-- To count a million accounts takes a second; the planner knows about how many there are. EXPLAIN, like every utility
-- command, needs a function that is declared volatile.
create or replace function private.estimate_users(
  conditions text, ids uuid[], status text, role_id uuid, created_after timestamptz, created_before timestamptz,
  prefix text, words tsquery) returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_plan jsonb;
begin
  execute 'explain (format json) select from app.users u where true' || conditions
  into v_plan
  using ids, estimate_users.status, role_id, created_after, created_before, null::jsonb, null::integer, prefix, words, private.now();
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
end
$$;
comment on function private.estimate_users(text, uuid[], text, uuid, timestamptz, timestamptz, text, tsquery) is 'About how many accounts fit conditions as private.user_filter() composes them; $1 are the keys of the few that it may be.';
revoke all on function private.estimate_users(text, uuid[], text, uuid, timestamptz, timestamptz, text, tsquery) from public;
