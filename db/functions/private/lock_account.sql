-- Somebody may be deleted or erased while this waits for them: then nobody is found, and nothing is written about them.
create or replace function private.lock_account(identifier text) returns app.users
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  select u.* into v_account from app.users u
  where u.id = private.find_user(lock_account.identifier) and u.deleted_at is null
  for update;
  return v_account;
end
$$;
comment on function private.lock_account(text) is 'Locks the living account with that email or username; all null: there is none.';
revoke all on function private.lock_account(text) from public;
