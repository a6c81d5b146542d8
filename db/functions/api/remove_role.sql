-- Takes effect with the next request: rights are read at every call. A role that allows more than the caller may is out
-- of reach with the account that holds it.
create or replace function api.remove_role(id uuid, name app.role_name) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_id uuid;
begin
  perform private.authorize('api.remove_role(uuid,app.role_name)');
  perform private.check_outranks(remove_role.id);
  select r.id into v_role_id from app.roles r where r.name = remove_role.name;
  if remove_role.name = 'admin' then
    perform private.keep_an_admin(remove_role.id);
  end if;
  delete from app.user_roles ur where ur.user_id = remove_role.id and ur.role_id = v_role_id;
  if not found then
    perform private.fail('not_found');
  end if;
end
$$;
comment on function api.remove_role(uuid, app.role_name) is $$
@http DELETE /v1/users/{id}/roles/{name}
@permission roles:assign
@errors not_found above_own_permissions last_admin

Take a role away from an account.
$$;
revoke all on function api.remove_role(uuid, app.role_name) from public;
grant execute on function api.remove_role(uuid, app.role_name) to roster_user;
