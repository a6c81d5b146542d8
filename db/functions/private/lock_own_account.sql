-- Changes of one account wait for each other, so that a version is compared and moved by one at a time. Who was deleted
-- or erased while they waited has no account to change any more.
create or replace function private.lock_own_account() returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
begin
  perform from app.users u where u.id = v_user_id for update;
  if private.current_user_id() is null then
    perform private.fail('session_expired');
  end if;
  return v_user_id;
end
$$;
comment on function private.lock_own_account() is 'Locks the account of the user of this request until the transaction ends, and returns its id; raises authentication_required, or session_expired if it ended meanwhile.';
revoke all on function private.lock_own_account() from public;
grant execute on function private.lock_own_account() to roster_user, roster_dba;
