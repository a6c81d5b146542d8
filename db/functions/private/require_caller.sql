-- For what a program may ask about its own account as well.
create or replace function private.require_caller() returns uuid
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
comment on function private.require_caller() is 'The user of this request, by session or by API key; raises authentication_required if there is none.';
revoke all on function private.require_caller() from public;
grant execute on function private.require_caller() to roster_user, roster_dba;
