-- An operator requires it: of everybody, or of whoever holds a role now. An account that nobody can sign in to, such as a
-- program's, needs none.
create or replace function private.needs_second_factor(user_id uuid) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from app.users u where u.id = needs_second_factor.user_id and u.password_hash is not null)
    and ((select s.second_factor_required from app.settings s)
         or exists (
           select
           from app.user_roles ur
           join app.roles r on r.id = ur.role_id
           where ur.user_id = needs_second_factor.user_id
             and (ur.expires_at is null or ur.expires_at > private.now())
             and r.second_factor_required));
end
$$;
comment on function private.needs_second_factor(uuid) is 'Whether an account has to have a second factor, by the settings or by a role that it holds.';
revoke all on function private.needs_second_factor(uuid) from public;
grant execute on function private.needs_second_factor(uuid) to roster_user, roster_dba;
