-- The one place that says how a user looks to the outside. Runs with the caller's rights: row-level security decides.
-- An erased account has no profile; it shows what a new one would.
create or replace function private.load_user(id uuid) returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user api.user;
begin
  select u.id, u.email, u.username, u.status, u.is_email_verified, u.is_phone_verified, private.has_second_factor(u.id),
         private.needs_second_factor(u.id),
         p.first_name, p.last_name, p.phone, coalesce(p.locale, 'en'), p.avatar_url, coalesce(p.metadata, '{}'),
         array(select r.name::text
               from app.user_roles ur
               join app.roles r on r.id = ur.role_id
               where ur.user_id = u.id and (ur.expires_at is null or ur.expires_at > private.now())
               order by r.name),
         array(select distinct rp.permission::text
               from app.user_roles ur
               join app.role_permissions rp on rp.role_id = ur.role_id
               where ur.user_id = u.id and (ur.expires_at is null or ur.expires_at > private.now())
               order by 1),
         u.gdpr_consent_at, u.last_login_at, u.created_at, u.updated_at, u.deleted_at, u.version
  into v_user
  from app.users u
  left join app.user_profiles p on p.user_id = u.id
  where u.id = load_user.id;
  if v_user.id is null then
    perform private.fail('not_found');
  end if;
  return v_user;
end
$$;
comment on function private.load_user(uuid) is 'A user with profile, roles and permissions, as far as the caller may see it; raises not_found.';
revoke all on function private.load_user(uuid) from public;
grant execute on function private.load_user(uuid) to roster_user, roster_dba;
