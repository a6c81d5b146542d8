-- What there is to filter by. The vocabulary is no secret, but nobody else has a use for it.
create or replace function api.list_audit_actions() returns api.audit_action_list
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_list api.audit_action_list;
begin
  perform private.authorize('api.list_audit_actions()');
  v_list.items := array(
    select (a.action, a.kind, a.meaning, a.details)::api.audit_action from audit.actions() a order by a.action);
  return v_list;
end
$$;
comment on function api.list_audit_actions() is $$
@http GET /v1/audit-logs/actions
@permission audit:read

List the actions that the audit log records, with what they mean.
$$;
revoke all on function api.list_audit_actions() from public;
grant execute on function api.list_audit_actions() to roster_user;
