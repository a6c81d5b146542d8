-- The planner knows about how many rows of the log fit, without reading them. EXPLAIN, like every utility command, needs a
-- function that is declared volatile.
create or replace function audit.estimate_events(
  user_id uuid, actor_user_id uuid, action text, request_id text, since timestamptz, until timestamptz) returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_plan jsonb;
begin
  execute 'explain (format json) select from audit.audit_logs l where true' || audit.event_filter(
    estimate_events.user_id is not null, estimate_events.actor_user_id is not null, estimate_events.action is not null,
    estimate_events.request_id is not null, since is not null, until is not null)
  into v_plan
  using estimate_events.user_id, estimate_events.actor_user_id, estimate_events.action, estimate_events.request_id, since, until;
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
end
$$;
comment on function audit.estimate_events(uuid, uuid, text, text, timestamptz, timestamptz) is 'About how many rows of the log fit (null: any).';
revoke all on function audit.estimate_events(uuid, uuid, text, text, timestamptz, timestamptz) from public;
grant execute on function audit.estimate_events(uuid, uuid, text, text, timestamptz, timestamptz) to roster_user, roster_dba;
