-- An app that was enrolled but never confirmed counts for nothing: its secret may never have reached the person.
create or replace function private.has_second_factor(user_id uuid) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from app.totp_factors f where f.user_id = has_second_factor.user_id and f.confirmed_at is not null);
end
$$;
comment on function private.has_second_factor(uuid) is 'Whether a second factor of a user is in force, as far as the caller may see it.';
revoke all on function private.has_second_factor(uuid) from public;
grant execute on function private.has_second_factor(uuid) to roster_user, roster_dba;
