-- Whoever held it loses it in the same transaction, each with a row in the log.
create or replace function api.drop_role(name app.role_name, if_match text default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_id uuid;
begin
  perform private.authorize('api.drop_role(app.role_name,text)');
  v_role_id := private.lock_custom_role(drop_role.name);
  perform private.check_match(if_match, (select r.version from app.roles r where r.id = v_role_id));
  perform private.check_grantable(v_role_id, private.now());
  delete from app.user_roles ur where ur.role_id = v_role_id;
  delete from app.role_permissions rp where rp.role_id = v_role_id;
  delete from app.roles r where r.id = v_role_id;
end
$$;
comment on function api.drop_role(app.role_name, text) is $$
@http DELETE /v1/roles/{name}
@permission roles:write
@errors not_found system_role above_own_permissions precondition_failed

Drop a role and take it away from everybody who holds it.
$$;
revoke all on function api.drop_role(app.role_name, text) from public;
grant execute on function api.drop_role(app.role_name, text) to roster_user;
