-- "Where am I signed in?": the list in which a stranger's session would show.
create or replace function api.list_my_sessions(cursor text default null, "limit" app.page_size default 20)
returns api.session_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.sessions_of(private.require_user(), cursor, "limit");
end
$$;
comment on function api.list_my_sessions(text, app.page_size) is $$
@http GET /v1/me/sessions
@errors cursor_invalid

List the signed-in user's open sessions, newest first.
$$;
revoke all on function api.list_my_sessions(text, app.page_size) from public;
grant execute on function api.list_my_sessions(text, app.page_size) to roster_user;
