-- Whoever is to take the second factor away, or to see new recovery codes, shows both factors: a borrowed device with a
-- known password is not enough. An operator has shown who they are to the database.
create or replace function private.reauthenticate_twice(verified_hash text, verified_step bigint, recovery_code text) returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash);
  v_account app.users;
begin
  if v_user_id is null then
    return null;
  elsif not private.has_second_factor(v_user_id) then
    perform private.fail('no_second_factor');
  elsif private.is_dba() then
    return v_user_id;
  end if;
  select u.* into v_account from app.users u where u.id = v_user_id;
  return case when private.pass_second_factor(v_account, verified_step, recovery_code) is not null then v_user_id end;
end
$$;
comment on function private.reauthenticate_twice(text, bigint, text) is 'Id of the user of this request if both the password and the second factor are right, else null after a refusal that is counted; raises no_second_factor, code_missing.';
revoke all on function private.reauthenticate_twice(text, bigint, text) from public;
