-- A key outlives the session in which it was made, so a borrowed session must not be enough.
create or replace function api.create_my_api_key(
  name app.api_key_name,
  scopes app.permission_name[],
  expires_at timestamptz default null,
  verified_hash app.password_hash default null)
returns api.new_api_key
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash);
begin
  if v_user_id is null then
    return null;
  end if;
  return private.issue_api_key(v_user_id, create_my_api_key.name, create_my_api_key.scopes, create_my_api_key.expires_at);
end
$$;
comment on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash) is $$
@http POST /v1/me/api-keys
@status 201
@errors reauthentication_failed above_own_permissions unknown_permission expiry_passed too_many_api_keys
@verify password into verified_hash using http.own_hash()

Make an API key of the signed-in user.

The key is shown this once. It may do what its `scopes` name, permissions of one's own, and no longer than one holds them.
A key cannot sign in, change the account or make further keys.
$$;
revoke all on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash) from public;
grant execute on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash) to roster_user;
