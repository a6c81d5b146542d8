-- A lock ends by itself; this is for the person who is on the telephone now.
create or replace function api.unlock_user(id uuid) returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.unlock_user(uuid)');
  perform private.refuse_own_account(unlock_user.id);
  perform private.check_outranks(unlock_user.id);
  perform private.forget_failed_logins(unlock_user.id);
  return private.load_user(unlock_user.id);
end
$$;
comment on function api.unlock_user(uuid) is $$
@http POST /v1/users/{id}/unlock
@permission users:write
@errors not_found above_own_permissions own_account

End the locks that failed logins put on an account.

One's own is for another administrator to end, or for a reset of the password.
$$;
revoke all on function api.unlock_user(uuid) from public;
grant execute on function api.unlock_user(uuid) to roster_user;
