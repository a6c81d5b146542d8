-- The one place that writes the log: it adds who, from where and when to what happened. Every change pays for this, so it
-- is called with plain values and as an expression (`perform` would start the executor for it), takes the actor without a
-- query, and runs with the rights of its callers, which are the log's.
create or replace function audit.append(
  action text, entity text, entity_id text, user_id uuid,
  changed_fields text[], old_values jsonb, new_values jsonb, details jsonb) returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request     jsonb := nullif(current_setting('request.context', true), '')::jsonb;
  v_actor       record := private.current_actor();
  v_address     inet := coalesce((v_request ->> 'address')::inet, inet_client_addr());
  v_agent       text := left(v_request ->> 'user_agent', 300);
  v_values_salt bytea := uuid_send(gen_random_uuid());
  v_origin_salt bytea := uuid_send(gen_random_uuid());
begin
  insert into audit.audit_logs (
    occurred_at, action, entity, entity_id, user_id, actor_user_id, actor_session_id,
    actor_api_key_id, database_role, application_name, request_id, route, client_address, user_agent,
    changed_fields, old_values, new_values, details,
    values_salt, values_digest, origin_salt, origin_digest)
  values (
    private.now(), append.action, append.entity, append.entity_id, append.user_id, v_actor.user_id, v_actor.session_id,
    v_actor.api_key_id, session_user, nullif(current_setting('application_name'), ''),
    v_request ->> 'request_id', v_request ->> 'route', v_address, v_agent,
    append.changed_fields, append.old_values, append.new_values, append.details,
    v_values_salt, audit.values_digest(v_values_salt, append.old_values, append.new_values),
    v_origin_salt, audit.origin_digest(v_origin_salt, v_address, v_agent));
  return found;
end
$$;
comment on function audit.append(text, text, text, uuid, text[], jsonb, jsonb, jsonb) is 'Appends one row: what happened is told, the rest is looked up here. False where something on the table swallowed it.';
revoke all on function audit.append(text, text, text, uuid, text[], jsonb, jsonb, jsonb) from public;
