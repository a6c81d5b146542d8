-- The one place that says how a role looks to the outside.
create or replace function private.load_role(id uuid) returns api.role
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role api.role;
begin
  select r.name, r.description, r.is_system,
         array(select rp.permission::text from app.role_permissions rp where rp.role_id = r.id order by 1), r.version
  into v_role
  from app.roles r
  where r.id = load_role.id;
  return v_role;
end
$$;
comment on function private.load_role(uuid) is 'A role with what it allows, as far as the caller may see it.';
revoke all on function private.load_role(uuid) from public;
grant execute on function private.load_role(uuid) to roster_user, roster_dba;
