-- Row-level security shows the log to who may read it; reading it is itself an event.
create or replace function api.list_audit_logs(
  user_id uuid default null,
  actor_user_id uuid default null,
  action app.audit_action default null,
  "from" timestamptz default null,
  "to" timestamptz default null,
  request_id text default null,
  count app.count_kind default 'none',
  cursor text default null,
  "limit" app.page_size default 20)
returns api.audit_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_list  text := 'audit_logs ' || jsonb_build_array(
    user_id, actor_user_id, action, "from" at time zone 'UTC', "to" at time zone 'UTC', request_id)::text;
  v_after jsonb := private.read_cursor(v_list, cursor);
  v_page  api.audit_page;
begin
  select coalesce(array_agg(
    (l.id, l.occurred_at, l.action, l.entity, l.entity_id, l.user_id, l.actor_user_id, l.actor_session_id, l.actor_api_key_id, l.database_role,
     l.application_name, l.request_id, l.route, host(l.client_address), l.user_agent, l.changed_fields, l.old_values,
     l.new_values, l.details)::api.audit_entry order by l.occurred_at desc, l.id desc), '{}')
  into v_page.items
  from audit.find_events(
    list_audit_logs.user_id, list_audit_logs.actor_user_id, list_audit_logs.action, list_audit_logs.request_id,
    "from", "to", (v_after ->> 0)::timestamptz, (v_after ->> 1)::bigint, "limit" + 1) l;
  if cardinality(v_page.items) > "limit" then
    v_page.items := v_page.items[1:"limit"];
    v_page.next_cursor := private.make_cursor(v_list, jsonb_build_array(
      v_page.items["limit"].occurred_at, v_page.items["limit"].id));
  end if;
  if list_audit_logs.count = 'estimated' and private.has_permission('audit:read') then
    v_page.estimated_count := greatest(cardinality(v_page.items), audit.estimate_events(
      list_audit_logs.user_id, list_audit_logs.actor_user_id, list_audit_logs.action, list_audit_logs.request_id, "from", "to"));
  end if;
  return v_page;
end
$$;
comment on function api.list_audit_logs(uuid, uuid, app.audit_action, timestamptz, timestamptz, text, app.count_kind, text, app.page_size) is $$
@http GET /v1/audit-logs
@permission audit:read
@audit audit_logs.read user_id actor_user_id action from to request_id
@errors cursor_invalid

Read the audit log, newest first.

`user_id` is whom a row is about, `actor_user_id` who did it; `GET /v1/audit-logs/actions` lists the actions. `from` is
included, `to` is not. A cursor belongs to its filters. `count=estimated` adds about how many rows
fit in all. Reading the log leaves a row in it.
$$;
revoke all on function api.list_audit_logs(uuid, uuid, app.audit_action, timestamptz, timestamptz, text, app.count_kind, text, app.page_size) from public;
grant execute on function api.list_audit_logs(uuid, uuid, app.audit_action, timestamptz, timestamptz, text, app.count_kind, text, app.page_size) to roster_user;
