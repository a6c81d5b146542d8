create or replace function api.revoke_my_api_key(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.revoke_api_key(private.require_user(), revoke_my_api_key.id);
end
$$;
comment on function api.revoke_my_api_key(uuid) is $$
@http DELETE /v1/me/api-keys/{id}
@errors not_found

Revoke one of the signed-in user's API keys.

It is dead with the next request, for good.
$$;
revoke all on function api.revoke_my_api_key(uuid) from public;
grant execute on function api.revoke_my_api_key(uuid) to roster_user;
