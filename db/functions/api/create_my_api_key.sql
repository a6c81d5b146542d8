-- A key outlives the session in which it was made, so a borrowed session must not be enough.
create or replace function api.create_my_api_key(
  name app.api_key_name,
  scopes app.permission_name[],
  expires_at timestamptz default null,
  verified_hash app.password_hash default null,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns api.new_api_key
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash, verified_step, create_my_api_key.recovery_code);
begin
  if v_user_id is null then
    return null;
  end if;
  return private.issue_api_key(v_user_id, create_my_api_key.name, create_my_api_key.scopes, create_my_api_key.expires_at);
end
$$;
comment on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/api-keys
@status 201
@errors reauthentication_failed second_factor_failed code_missing above_own_permissions unknown_permission expiry_passed too_many_api_keys
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Make an API key of the signed-in user.

The key is shown this once. It may do what its `scopes` name, permissions of one's own, and no longer than one holds them.
A key cannot sign in, change the account or make further keys.

Where there is a second factor it takes a `code` or a `recovery_code` as well.
$$;
revoke all on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.create_my_api_key(app.api_key_name, app.permission_name[], timestamptz, app.password_hash, app.totp_step, app.recovery_code) to roster_user;
