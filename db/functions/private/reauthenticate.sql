-- Before something that hurts, the person shows the password again; guessing here counts like guessing at login.
-- An operator has shown who they are to the database.
create or replace function private.reauthenticate(verified_hash text) returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_account app.users;
begin
  -- A statement of its own, since the one that waits for the lock still sees the row as it was before.
  select u.* into v_account from app.users u where u.id = v_user_id;
  if private.is_dba() or private.login_obstacle(v_account, reauthenticate.verified_hash) is null then
    return v_account.id;
  end if;
  perform private.record_failed_login(v_account, private.login_obstacle(v_account, reauthenticate.verified_hash));
  perform private.refuse('reauthentication_failed');
  return null;
end
$$;
comment on function private.reauthenticate(text) is 'Id of the user of this request if the verified hash is the current one, else null after a refusal that is counted.';
revoke all on function private.reauthenticate(text) from public;
