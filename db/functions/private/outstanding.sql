-- Somebody may sign in and lack what the account has to have; until it has, nothing else is open to them. A second factor
-- makes up for a short password, whether or not it is required.
create or replace function private.outstanding(user_id uuid) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case
      when private.has_second_factor(u.id) then null
      when private.needs_second_factor(u.id) then 'mfa_enrolment_required'
      when u.has_short_password then 'password_change_required'
    end
    from app.users u where u.id = outstanding.user_id);
end
$$;
comment on function private.outstanding(uuid) is 'The code of the problem that stands between an account and everything but its own solution: mfa_enrolment_required, password_change_required; null: none.';
revoke all on function private.outstanding(uuid) from public;
