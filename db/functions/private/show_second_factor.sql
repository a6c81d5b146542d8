-- Who has no second factor has nothing to show; an operator has shown who they are to the database.
create or replace function private.show_second_factor(verified_step bigint, recovery_code text) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_account app.users;
begin
  if private.is_dba() or not private.has_second_factor(v_user_id) then
    return true;
  end if;
  select u.* into v_account from app.users u where u.id = v_user_id;
  return private.pass_second_factor(v_account, verified_step, show_second_factor.recovery_code) is not null;
end
$$;
comment on function private.show_second_factor(bigint, text) is 'Whether the second factor of the user of this request is right, or there is none; false after a refusal that is counted; raises code_missing.';
revoke all on function private.show_second_factor(bigint, text) from public;
grant execute on function private.show_second_factor(bigint, text) to roster_user, roster_dba;
