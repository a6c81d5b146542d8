-- Granting and taking away ask the same question.
create or replace function private.check_grantable(role_id uuid, until timestamptz) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from app.role_permissions rp
    where rp.role_id = check_grantable.role_id and not private.may_give(rp.permission, check_grantable.until))
  then
    perform private.fail('above_own_permissions');
  end if;
end
$$;
comment on function private.check_grantable(uuid, timestamptz) is 'Raises above_own_permissions if a role allows something that the caller may not, or may not until then.';
revoke all on function private.check_grantable(uuid, timestamptz) from public;
