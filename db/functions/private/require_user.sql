-- Functions about "me" need a me: a request's session, or in psql the user that admin.act_as() named.
create or replace function private.require_user() returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  if v_user_id is null then
    perform private.fail('authentication_required');
  end if;
  return v_user_id;
end
$$;
comment on function private.require_user() is 'The user of this request; raises authentication_required if there is none.';
revoke all on function private.require_user() from public;
grant execute on function private.require_user() to roster_user, roster_dba;
