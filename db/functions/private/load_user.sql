-- Runs with the caller's rights: row-level security decides.
create or replace function private.load_user(id uuid) returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user api.user;
begin
  select s.* into v_user from private.show_user(load_user.id) s;
  if v_user.id is null then
    perform private.fail('not_found');
  end if;
  return v_user;
end
$$;
comment on function private.load_user(uuid) is 'A user with profile, roles and permissions, as far as the caller may see it; raises not_found.';
revoke all on function private.load_user(uuid) from public;
grant execute on function private.load_user(uuid) to roster_user, roster_dba;
