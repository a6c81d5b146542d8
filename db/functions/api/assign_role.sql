-- Nobody hands out more than they hold, or for longer: a role is granted only by who has all of its permissions.
create or replace function api.assign_role(id uuid, name app.role_name, expires_at timestamptz default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_id uuid;
begin
  perform private.authorize('api.assign_role(uuid,app.role_name,timestamptz)');
  perform private.check_outranks(assign_role.id);
  select r.id into v_role_id from app.roles r where r.name = assign_role.name for update;
  if v_role_id is null or not exists (select from app.users u where u.id = assign_role.id and u.deleted_at is null) then
    perform private.fail('not_found');
  end if;
  if assign_role.expires_at <= private.now() then
    perform private.fail('expiry_passed');
  end if;
  perform private.check_grantable(v_role_id, coalesce(assign_role.expires_at, 'infinity'));
  if assign_role.name = 'admin' and assign_role.expires_at is not null then
    perform private.keep_an_admin(assign_role.id);
  end if;
  insert into app.user_roles as ur (user_id, role_id, granted_by, expires_at)
  values (assign_role.id, v_role_id, private.current_user_id(), assign_role.expires_at)
  on conflict on constraint user_roles_pkey do update
    set granted_by = excluded.granted_by, granted_at = private.now(), expires_at = excluded.expires_at
    where ur.expires_at is distinct from excluded.expires_at;
end
$$;
comment on function api.assign_role(uuid, app.role_name, timestamptz) is $$
@http PUT /v1/users/{id}/roles/{name}
@permission roles:assign
@errors not_found above_own_permissions last_admin expiry_passed

Grant a role to an account, for good or until `expires_at`.

It takes effect with the account's next request. Nobody grants a role that allows more than they may themselves, nor for
longer than they may, nor to an account that may do more than they.
$$;
revoke all on function api.assign_role(uuid, app.role_name, timestamptz) from public;
grant execute on function api.assign_role(uuid, app.role_name, timestamptz) to roster_user;
