-- Changing and dropping ask the same: it exists, and it is not one that the product relies on.
create or replace function private.lock_custom_role(name text) returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role app.roles;
begin
  select r.* into v_role from app.roles r where r.name = lock_custom_role.name for update;
  if v_role.id is null then
    perform private.fail('not_found');
  elsif v_role.is_system then
    perform private.fail('system_role');
  end if;
  return v_role.id;
end
$$;
comment on function private.lock_custom_role(text) is 'Locks a role and returns its key; raises not_found or system_role.';
revoke all on function private.lock_custom_role(text) from public;
