-- The same soft deletion as the person's own, by somebody who may.
create or replace function api.delete_user(id uuid, if_match text default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.delete_user(uuid,text)');
  perform private.check_outranks(delete_user.id);
  perform private.check_match(if_match, (select u.version from app.users u where u.id = delete_user.id));
  perform private.change_status(delete_user.id, 'delete');
end
$$;
comment on function api.delete_user(uuid, text) is $$
@http DELETE /v1/users/{id}
@permission users:delete
@errors not_found status_conflict last_admin precondition_failed above_own_permissions

Delete an account.

It can be restored for thirty days; its email address and username are free at once.
$$;
revoke all on function api.delete_user(uuid, text) from public;
grant execute on function api.delete_user(uuid, text) to roster_user;
