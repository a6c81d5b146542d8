-- "What can act for me?"
create or replace function api.list_my_api_keys() returns api.api_key_list
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.api_keys_of(private.require_user());
end
$$;
comment on function api.list_my_api_keys() is $$
@http GET /v1/me/api-keys

List the signed-in user's API keys, oldest first.
$$;
revoke all on function api.list_my_api_keys() from public;
grant execute on function api.list_my_api_keys() to roster_user;
