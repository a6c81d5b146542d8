-- The one place that says how a user looks to the outside. Unpinned, so that it becomes part of the caller's query: of one
-- for twenty accounts as of one for one, with the caller's rights, so that row-level security decides. Grants are read once
-- for both lists; of the factor only what is in force counts, asked here for the plan's sake, as has_second_factor() runs
-- in another role too. An erased account has no profile; it shows what a new one would.
create or replace function private.show_user(shown uuid) returns setof api.user
language sql
stable
as $$
  select u.id, u.email::pg_catalog.text, u.username::pg_catalog.text, u.status, u.is_email_verified, u.is_phone_verified,
         exists (select from app.totp_factors f where f.user_id = u.id and f.confirmed_at is not null),
         private.needs_second_factor(u.id),
         p.first_name::pg_catalog.text, p.last_name::pg_catalog.text, p.phone::pg_catalog.text,
         coalesce(p.locale, 'en')::pg_catalog.text, p.avatar_url::pg_catalog.text, coalesce(p.metadata, '{}')::pg_catalog.jsonb,
         array(select r.name::pg_catalog.text from app.roles r where r.id = any (g.role_ids) order by r.name),
         array(select distinct rp.permission::pg_catalog.text from app.role_permissions rp
               where rp.role_id = any (g.role_ids) order by 1),
         u.gdpr_consent_at, u.last_login_at, u.created_at, u.updated_at, u.deleted_at, u.version
  from app.users u
  left join app.user_profiles p on p.user_id = u.id
  cross join lateral (
    select pg_catalog.array_agg(ur.role_id) as role_ids
    from app.user_roles ur
    where ur.user_id = u.id and (ur.expires_at is null or ur.expires_at > private.now())) g
  where u.id = show_user.shown
$$;
comment on function private.show_user(uuid) is 'A user with profile, roles and permissions, as far as the caller may see it; no row where there is none.';
revoke all on function private.show_user(uuid) from public;
grant execute on function private.show_user(uuid) to roster_user, roster_dba;
