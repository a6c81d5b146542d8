-- The one place that writes the log: it adds who, from where and when to what happened.
create or replace function audit.append(entry audit.audit_logs) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request     jsonb := nullif(current_setting('request.context', true), '')::jsonb;
  v_actor       record;
  v_address     inet := coalesce((v_request ->> 'address')::inet, inet_client_addr());
  v_agent       text := left(v_request ->> 'user_agent', 300);
  v_values_salt bytea := uuid_send(gen_random_uuid());
  v_origin_salt bytea := uuid_send(gen_random_uuid());
begin
  select a.user_id, a.session_id, a.api_key_id into v_actor from private.current_actor() a;
  insert into audit.audit_logs (
    occurred_at, action, entity, entity_id, user_id, actor_user_id, actor_session_id,
    actor_api_key_id, database_role, application_name, request_id, route, client_address, user_agent,
    changed_fields, old_values, new_values, details,
    values_salt, values_digest, origin_salt, origin_digest)
  values (
    private.now(), entry.action, entry.entity, entry.entity_id, entry.user_id, v_actor.user_id, v_actor.session_id,
    v_actor.api_key_id, session_user, nullif(current_setting('application_name'), ''),
    v_request ->> 'request_id', v_request ->> 'route',
    v_address, v_agent,
    entry.changed_fields, entry.old_values, entry.new_values, entry.details,
    v_values_salt, audit.values_digest(v_values_salt, entry.old_values, entry.new_values),
    v_origin_salt, audit.origin_digest(v_origin_salt, v_address, v_agent));
end
$$;
comment on function audit.append(audit.audit_logs) is 'Appends one row; of the entry only what happened is taken, the rest is looked up here.';
revoke all on function audit.append(audit.audit_logs) from public;
