-- A role is a name for a set of permissions; nobody makes one that allows more than they may themselves.
create or replace function api.create_role(name app.role_name, permissions app.permission_name[], description app.role_description default '')
returns api.role
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.create_role(app.role_name,app.permission_name[],app.role_description)');
  insert into app.roles (name, description) values (create_role.name, create_role.description);
  return private.set_role_permissions(create_role.name, create_role.permissions);
exception
  when unique_violation then
    perform private.fail('role_taken');
end
$$;
comment on function api.create_role(app.role_name, app.permission_name[], app.role_description) is $$
@http POST /v1/roles
@status 201
@permission roles:write
@errors role_taken unknown_permission above_own_permissions

Create a role.
$$;
revoke all on function api.create_role(app.role_name, app.permission_name[], app.role_description) from public;
grant execute on function api.create_role(app.role_name, app.permission_name[], app.role_description) to roster_user;
