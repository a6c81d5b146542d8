-- For the administrator who looks after service accounts.
create or replace function api.list_user_api_keys(id uuid) returns api.api_key_list
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.list_user_api_keys(uuid)');
  if not exists (select from app.users u where u.id = list_user_api_keys.id) then
    perform private.fail('not_found');
  end if;
  return private.api_keys_of(list_user_api_keys.id);
end
$$;
comment on function api.list_user_api_keys(uuid) is $$
@http GET /v1/users/{id}/api-keys
@permission api_keys:manage
@audit user_api_keys.read id
@errors not_found

List an account's API keys, oldest first.
$$;
revoke all on function api.list_user_api_keys(uuid) from public;
grant execute on function api.list_user_api_keys(uuid) to roster_user;
