-- Address and name were free while the account was deleted; if somebody took them, they stay theirs.
create or replace function api.restore_user(id uuid) returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_constraint text;
begin
  perform private.authorize('api.restore_user(uuid)');
  perform private.check_outranks(restore_user.id);
  if exists (
    select from app.users u, app.settings s
    where u.id = restore_user.id and u.deleted_at + s.restore_within < private.now())
     or exists (select from app.erasures e where e.user_id = restore_user.id)
  then
    perform private.fail('restore_expired');
  end if;
  perform private.change_status(restore_user.id, 'restore');
  return private.load_user(restore_user.id);
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.fail(private.taken_code(v_constraint));
end
$$;
comment on function api.restore_user(uuid) is $$
@http POST /v1/users/{id}/restore
@permission users:delete
@errors not_found status_conflict email_taken username_taken restore_expired above_own_permissions

Restore a deleted account.

Possible for thirty days, unless its email address or username belongs to another account by now. Its old sessions stay
ended, and it is suspended if it was when it was deleted.
$$;
revoke all on function api.restore_user(uuid) from public;
grant execute on function api.restore_user(uuid) to roster_user;
