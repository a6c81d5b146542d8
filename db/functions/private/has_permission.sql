-- Rights are read at every call, so a role that is taken away ends with the next request.
create or replace function private.has_permission(permission text) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.is_dba() or private.in_scope(has_permission.permission) and exists (
    select
    from app.user_roles ur
    join app.role_permissions rp on rp.role_id = ur.role_id
    where ur.user_id = private.current_user_id()
      and (ur.expires_at is null or ur.expires_at > private.now())
      and rp.permission = has_permission.permission);
end
$$;
comment on function private.has_permission(text) is 'Whether the user of this request holds a permission through one of their roles, and what they came with may use it; operators hold all.';
revoke all on function private.has_permission(text) from public;
grant execute on function private.has_permission(text) to roster_user, roster_dba;
