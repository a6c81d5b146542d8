-- What the role is to allow must be the caller's own: else one could give to somebody above. Asked before anything changes,
-- since the caller may hold the role.
create or replace function private.set_role_permissions(name text, permissions text[]) returns api.role
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role app.roles;
begin
  select r.* into strict v_role from app.roles r where r.name = set_role_permissions.name;
  if set_role_permissions.permissions is not null then
    if exists (
      select from unnest(set_role_permissions.permissions) p
      where not exists (select from app.permissions known where known.name = p))
    then
      perform private.fail('unknown_permission');
    end if;
    if exists (select from unnest(set_role_permissions.permissions) p where not private.may_give(p, 'infinity')) then
      perform private.fail('above_own_permissions');
    end if;
    delete from app.role_permissions rp
    where rp.role_id = v_role.id and rp.permission <> all (set_role_permissions.permissions);
    insert into app.role_permissions (role_id, permission)
    select v_role.id, p from unnest(set_role_permissions.permissions) p
    on conflict do nothing;
  end if;
  return private.load_role(v_role.id);
end
$$;
comment on function private.set_role_permissions(text, text[]) is 'Replaces what a role allows (null: leaves it) and returns the role; raises unknown_permission, above_own_permissions.';
revoke all on function private.set_role_permissions(text, text[]) from public;
