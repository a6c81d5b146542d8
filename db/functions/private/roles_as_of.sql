-- Roles are dropped and renamed, and what they allow changes: all three tables are asked for their past.
create or replace function private.roles_as_of(user_id uuid, at timestamptz, out roles text[], out permissions text[])
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_held jsonb;
begin
  select jsonb_agg(h.content ->> 'role_id') into v_held
  from audit.rows_as_of('user_roles', roles_as_of.user_id, (
    select coalesce(jsonb_object_agg(ur.user_id || ',' || ur.role_id, to_jsonb(ur)), '{}')
    from app.user_roles ur where ur.user_id = roles_as_of.user_id), roles_as_of.at) h
  where coalesce((h.content ->> 'expires_at')::timestamptz, 'infinity') > roles_as_of.at;
  roles := array(
    select r.content ->> 'name'
    from audit.rows_as_of('roles', null, (select jsonb_object_agg(r.id, to_jsonb(r)) from app.roles r), roles_as_of.at) r
    where v_held ? (r.content ->> 'id')
    order by 1);
  permissions := array(
    select distinct p.content ->> 'permission'
    from audit.rows_as_of('role_permissions', null, (
      select jsonb_object_agg(rp.role_id || ',' || rp.permission, to_jsonb(rp)) from app.role_permissions rp), roles_as_of.at) p
    where v_held ? (p.content ->> 'role_id')
    order by 1);
end
$$;
comment on function private.roles_as_of(uuid, timestamptz) is 'Which roles a user held at a time, and what those allowed then.';
revoke all on function private.roles_as_of(uuid, timestamptz) from public;
