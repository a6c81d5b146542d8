-- Shut an account out for now.
create or replace function api.suspend_user(id uuid) returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.suspend_user(uuid)');
  perform private.check_outranks(suspend_user.id);
  perform private.change_status(suspend_user.id, 'suspend');
  return private.load_user(suspend_user.id);
end
$$;
comment on function api.suspend_user(uuid) is $$
@http POST /v1/users/{id}/suspend
@permission users:write
@errors not_found status_conflict last_admin above_own_permissions

Suspend an account.

All its sessions end at once, and it cannot sign in until it is reactivated.
$$;
revoke all on function api.suspend_user(uuid) from public;
grant execute on function api.suspend_user(uuid) to roster_user;
