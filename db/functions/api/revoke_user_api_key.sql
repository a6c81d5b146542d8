create or replace function api.revoke_user_api_key(id uuid, key_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.revoke_user_api_key(uuid,uuid)');
  perform private.check_outranks(revoke_user_api_key.id);
  perform private.revoke_api_key(revoke_user_api_key.id, revoke_user_api_key.key_id);
end
$$;
comment on function api.revoke_user_api_key(uuid, uuid) is $$
@http DELETE /v1/users/{id}/api-keys/{key_id}
@permission api_keys:manage
@errors not_found above_own_permissions

Revoke one of an account's API keys.

It is dead with the next request, for good.
$$;
revoke all on function api.revoke_user_api_key(uuid, uuid) from public;
grant execute on function api.revoke_user_api_key(uuid, uuid) to roster_user;
