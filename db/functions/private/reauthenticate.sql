-- Before something that hurts, the person shows again all that a sign-in of theirs takes: the password, and the second
-- factor where there is one. Guessing here counts like guessing at login. An operator has shown who they are to the database.
create or replace function private.reauthenticate(
  verified_hash text, verified_step bigint default null, recovery_code text default null)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id  uuid := private.lock_own_account();
  v_account  app.users;
  v_obstacle text;
begin
  -- A statement of its own, since the one that waits for the lock still sees the row as it was before.
  select u.* into v_account from app.users u where u.id = v_user_id;
  v_obstacle := case when not private.is_dba() then private.login_obstacle(v_account, reauthenticate.verified_hash) end;
  if v_obstacle is not null then
    perform private.record_failed_login(v_account, v_obstacle),
            private.refuse('reauthentication_failed');
    return null;
  end if;
  return case when private.show_second_factor(verified_step, reauthenticate.recovery_code) then v_account.id end;
end
$$;
comment on function private.reauthenticate(text, bigint, text) is 'Id of the user of this request if the verified hash is the current one and the second factor, where there is one, is right, else null after a refusal that is counted; raises code_missing.';
revoke all on function private.reauthenticate(text, bigint, text) from public;
