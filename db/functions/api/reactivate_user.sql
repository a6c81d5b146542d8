-- The way back from a suspension.
create or replace function api.reactivate_user(id uuid) returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.reactivate_user(uuid)');
  perform private.check_outranks(reactivate_user.id);
  perform private.change_status(reactivate_user.id, 'reactivate');
  return private.load_user(reactivate_user.id);
end
$$;
comment on function api.reactivate_user(uuid) is $$
@http POST /v1/users/{id}/reactivate
@permission users:write
@errors not_found status_conflict above_own_permissions

Reactivate a suspended account.

It becomes `active`, or `inactive` if its email address is not verified.
$$;
revoke all on function api.reactivate_user(uuid) from public;
grant execute on function api.reactivate_user(uuid) to roster_user;
