-- For the administrator who helps somebody whose account is in other hands.
create or replace function api.list_user_sessions(id uuid, cursor text default null, "limit" app.page_size default 20)
returns api.session_page
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.list_user_sessions(uuid,text,app.page_size)');
  if not exists (select from app.users u where u.id = list_user_sessions.id) then
    perform private.fail('not_found');
  end if;
  return private.sessions_of(list_user_sessions.id, cursor, "limit");
end
$$;
comment on function api.list_user_sessions(uuid, text, app.page_size) is $$
@http GET /v1/users/{id}/sessions
@permission sessions:manage
@audit user_sessions.read id
@errors not_found cursor_invalid

List an account's open sessions, newest first.
$$;
revoke all on function api.list_user_sessions(uuid, text, app.page_size) from public;
grant execute on function api.list_user_sessions(uuid, text, app.page_size) to roster_user;
