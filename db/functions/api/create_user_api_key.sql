-- For service accounts, which have no password and nobody to sign in with. Who holds the key acts as the account, so its
-- maker needs all that it may do.
create or replace function api.create_user_api_key(
  id uuid,
  name app.api_key_name,
  scopes app.permission_name[],
  expires_at timestamptz default null)
returns api.new_api_key
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.create_user_api_key(uuid,app.api_key_name,app.permission_name[],timestamptz)');
  perform private.refuse_api_key();
  perform private.refuse_own_account(create_user_api_key.id);
  perform private.check_outranks(create_user_api_key.id);
  if not exists (select from app.users u where u.id = create_user_api_key.id and u.status in ('active', 'inactive')) then
    perform private.fail('status_conflict');
  end if;
  return private.issue_api_key(
    create_user_api_key.id, create_user_api_key.name, create_user_api_key.scopes, create_user_api_key.expires_at);
end
$$;
comment on function api.create_user_api_key(uuid, app.api_key_name, app.permission_name[], timestamptz) is $$
@http POST /v1/users/{id}/api-keys
@status 201
@permission api_keys:manage
@errors not_found status_conflict above_own_permissions own_account unknown_permission expiry_passed too_many_api_keys session_required

Make an API key of an account, such as a service account.

The key is shown this once, and the account is told by mail if its address is verified. Its `scopes` are permissions that
both the account and the caller hold. It takes a person's session: a key makes no keys. One's own are made at
`/v1/me/api-keys`.
$$;
revoke all on function api.create_user_api_key(uuid, app.api_key_name, app.permission_name[], timestamptz) from public;
grant execute on function api.create_user_api_key(uuid, app.api_key_name, app.permission_name[], timestamptz) to roster_user;
