-- The role's row is the lock: of two administrators who leave at the same moment, the second one sees the first. It is
-- written and not only locked, since an operator's transaction may look at a snapshot: then the second one fails.
create or replace function private.keep_an_admin(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_id uuid;
begin
  update app.roles r set description = r.description where r.name = 'admin' returning r.id into v_role_id;
  if exists (select from private.admins a where a.user_id = keep_an_admin.user_id)
     and not exists (select from private.admins a where a.role_id = v_role_id and a.user_id <> keep_an_admin.user_id) then
    perform private.fail('last_admin');
  end if;
end
$$;
comment on function private.keep_an_admin(uuid) is 'Raises last_admin if nobody but that user is an administrator who can sign in.';
revoke all on function private.keep_an_admin(uuid) from public;
