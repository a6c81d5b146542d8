-- Whoever may do more is out of reach: else somebody who helps people with their accounts could suspend, rename or erase
-- an administrator. The account stays locked, so that what was found stays true.
create or replace function private.check_outranks(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from app.users u where u.id = check_outranks.user_id for update;
  if not found then
    perform private.fail('not_found');
  end if;
  if exists (
    select
    from app.user_roles ur
    join app.role_permissions rp on rp.role_id = ur.role_id
    where ur.user_id = check_outranks.user_id
      and (ur.expires_at is null or ur.expires_at > private.now())
      and not private.has_permission(rp.permission))
  then
    perform private.fail('above_own_permissions');
  end if;
end
$$;
comment on function private.check_outranks(uuid) is 'Locks an account that the caller is about to act on; raises not_found, or above_own_permissions if it may do something that the caller may not.';
revoke all on function private.check_outranks(uuid) from public;
