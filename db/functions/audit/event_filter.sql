-- Fixed pieces only; the values come in as parameters.
create or replace function audit.event_filter(
  has_user boolean, has_actor boolean, has_action boolean, has_request boolean, has_since boolean, has_until boolean) returns text
language sql
immutable
as $$
  select pg_catalog.concat(
    case when has_user then ' and l.user_id = $1' end,
    case when has_actor then ' and l.actor_user_id = $2' end,
    case when has_action then ' and l.action = $3' end,
    case when has_request then ' and l.request_id = $4' end,
    case when has_since then ' and l.occurred_at >= $5' end,
    case when has_until then ' and l.occurred_at < $6' end)
$$;
comment on function audit.event_filter(boolean, boolean, boolean, boolean, boolean, boolean) is 'The conditions of a search in the log, composed of those that are wanted: $1 whom it is about, $2 who did it, $3 the action, $4 the request, $5 since and $6 until when.';
revoke all on function audit.event_filter(boolean, boolean, boolean, boolean, boolean, boolean) from public;
grant execute on function audit.event_filter(boolean, boolean, boolean, boolean, boolean, boolean) to roster_user, roster_dba;
