-- "Where am I signed in?": the list in which a stranger's session would show.
create or replace function api.list_my_sessions(cursor text default null, "limit" app.page_size default 20)
returns api.session_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
  v_after   jsonb := private.read_cursor('sessions', cursor);
  v_page    api.session_page;
begin
  select coalesce(array_agg((s.id, s.device_name, host(s.client_address), s.user_agent, s.created_at, s.last_used_at,
                             s.expires_at, s.id = (select private.current_session_id()))::api.session_info
                            order by s.created_at desc, s.id desc), '{}')
  into v_page.items
  from (select a.id, a.device_name, a.client_address, a.user_agent, a.created_at, a.last_used_at, a.expires_at
        from app.sessions a
        where a.user_id = v_user_id and a.revoked_at is null and a.expires_at > private.now()
          and (v_after is null or (a.created_at, a.id) < ((v_after ->> 0)::timestamptz, (v_after ->> 1)::uuid))
        order by a.created_at desc, a.id desc
        limit "limit" + 1) s;
  if cardinality(v_page.items) > "limit" then
    v_page.items := v_page.items[1:"limit"];
    v_page.next_cursor := private.make_cursor('sessions', jsonb_build_array(
      v_page.items["limit"].created_at, v_page.items["limit"].id));
  end if;
  return v_page;
end
$$;
comment on function api.list_my_sessions(text, app.page_size) is $$
@http GET /v1/me/sessions
@errors cursor_invalid

List the signed-in user's open sessions, newest first.
$$;
revoke all on function api.list_my_sessions(text, app.page_size) from public;
grant execute on function api.list_my_sessions(text, app.page_size) to roster_user;
