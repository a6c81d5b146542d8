-- System roles keep their meaning: the product and its documents rely on them. A role that allows more than the caller may
-- is out of reach, its description too: who gives roles to people goes by it.
create or replace function api.update_role(
  name app.role_name, permissions app.permission_name[] default null, description app.role_description default null,
  if_match text default null)
returns api.role
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_id uuid;
begin
  perform private.authorize('api.update_role(app.role_name,app.permission_name[],app.role_description,text)');
  v_role_id := private.lock_custom_role(update_role.name);
  perform private.check_match(if_match, (select r.version from app.roles r where r.id = v_role_id));
  perform private.check_grantable(v_role_id, private.now());
  update app.roles r set
    description = coalesce(update_role.description, r.description), version = r.version + 1, updated_at = private.now()
  where r.id = v_role_id;
  return private.set_role_permissions(update_role.name, update_role.permissions);
end
$$;
comment on function api.update_role(app.role_name, app.permission_name[], app.role_description, text) is $$
@http PATCH /v1/roles/{name}
@permission roles:write
@errors not_found system_role unknown_permission above_own_permissions precondition_failed

Change a role's description or what it allows.

`permissions` replaces the whole set. It takes effect with the next request of everybody who holds the role.
$$;
revoke all on function api.update_role(app.role_name, app.permission_name[], app.role_description, text) from public;
grant execute on function api.update_role(app.role_name, app.permission_name[], app.role_description, text) to roster_user;
