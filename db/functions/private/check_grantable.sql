-- Granting and taking away ask the same question.
create or replace function private.check_grantable(role_id uuid) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from app.role_permissions rp
    where rp.role_id = check_grantable.role_id and not private.has_permission(rp.permission))
  then
    perform private.fail('above_own_permissions');
  end if;
end
$$;
comment on function private.check_grantable(uuid) is 'Raises above_own_permissions if a role allows something that the caller may not.';
revoke all on function private.check_grantable(uuid) from public;
