-- What can be assigned, and what each role allows.
create or replace function api.list_roles() returns api.role_list
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_list api.role_list;
begin
  v_list.items := array(select private.load_role(r.id) from app.roles r order by r.name);
  return v_list;
end
$$;
comment on function api.list_roles() is $$
@http GET /v1/roles
@permission users:read

List the roles and their permissions.
$$;
revoke all on function api.list_roles() from public;
grant execute on function api.list_roles() to roster_user;
