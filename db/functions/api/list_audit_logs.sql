-- Row-level security shows the log to who may read it; reading it is itself an event.
create or replace function api.list_audit_logs(
  user_id uuid default null,
  action text default null,
  "from" timestamptz default null,
  "to" timestamptz default null,
  request_id text default null,
  cursor text default null,
  "limit" app.page_size default 20)
returns api.audit_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after jsonb := private.read_cursor('audit_logs', cursor);
  v_page  api.audit_page;
begin
  select coalesce(array_agg(
    (l.id, l.occurred_at, l.action, l.entity, l.entity_id, l.user_id, l.actor_user_id, l.actor_session_id, l.actor_api_key_id, l.database_role,
     l.application_name, l.request_id, l.route, host(l.client_address), l.user_agent, l.changed_fields, l.old_values,
     l.new_values, l.details)::api.audit_entry order by l.occurred_at desc, l.id desc), '{}')
  into v_page.items
  from (select a.id, a.occurred_at, a.action, a.entity, a.entity_id, a.user_id, a.actor_user_id, a.actor_session_id, a.actor_api_key_id,
               a.database_role, a.application_name, a.request_id, a.route, a.client_address, a.user_agent,
               a.changed_fields, a.old_values, a.new_values, a.details
        from audit.audit_logs a
        where (list_audit_logs.user_id is null or a.user_id = list_audit_logs.user_id)
          and (list_audit_logs.action is null or a.action = list_audit_logs.action)
          and (list_audit_logs.request_id is null or a.request_id = list_audit_logs.request_id)
          and ("from" is null or a.occurred_at >= "from")
          and ("to" is null or a.occurred_at < "to")
          and (v_after is null or (a.occurred_at, a.id) < ((v_after ->> 0)::timestamptz, (v_after ->> 1)::bigint))
        order by a.occurred_at desc, a.id desc
        limit "limit" + 1) l;
  if cardinality(v_page.items) > "limit" then
    v_page.items := v_page.items[1:"limit"];
    v_page.next_cursor := private.make_cursor('audit_logs', jsonb_build_array(
      v_page.items["limit"].occurred_at, v_page.items["limit"].id));
  end if;
  return v_page;
end
$$;
comment on function api.list_audit_logs(uuid, text, timestamptz, timestamptz, text, text, app.page_size) is $$
@http GET /v1/audit-logs
@permission audit:read
@audit audit_logs.read
@errors cursor_invalid

Read the audit log, newest first.

`from` is included, `to` is not. Reading the log leaves a row in it.
$$;
revoke all on function api.list_audit_logs(uuid, text, timestamptz, timestamptz, text, text, app.page_size) from public;
grant execute on function api.list_audit_logs(uuid, text, timestamptz, timestamptz, text, text, app.page_size) to roster_user;
