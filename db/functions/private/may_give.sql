-- What somebody holds for a time they give for no longer than that: else they could prolong their own rights through
-- another account or another role, and so could whoever found a key that ends.
create or replace function private.may_give(permission text, until timestamptz) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.is_dba() or private.in_scope(may_give.permission) and exists (
    select
    from app.user_roles ur
    join app.role_permissions rp on rp.role_id = ur.role_id
    where ur.user_id = private.current_user_id()
      and rp.permission = may_give.permission
      and coalesce(ur.expires_at, 'infinity') > private.now()
      and coalesce(ur.expires_at, 'infinity') >= may_give.until)
    and not (private.is_api_key() and exists (
      select
      from app.api_keys k
      where k.secret_hash = private.digest(current_setting('request.api_key', true)) and k.expires_at < may_give.until));
end
$$;
comment on function private.may_give(text, timestamptz) is 'Whether the user of this request holds a permission at least until then; operators hold all.';
revoke all on function private.may_give(text, timestamptz) from public;
