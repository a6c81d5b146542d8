-- One's own list and the administrator's show the same; row-level security or the caller decides whose.
create or replace function private.sessions_of(user_id uuid, cursor text, max_rows integer) returns api.session_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after jsonb := private.read_cursor('sessions ' || sessions_of.user_id, cursor);
  v_page  api.session_page;
begin
  select coalesce(array_agg((s.id, s.device_name, host(s.client_address), s.user_agent, s.methods, s.created_at, s.last_used_at,
                             s.expires_at, s.id is not distinct from (select private.current_session_id()))::api.session_info
                            order by s.created_at desc, s.id desc), '{}')
  into v_page.items
  from (select a.id, a.device_name, a.client_address, a.user_agent, a.methods, a.created_at, a.last_used_at, a.expires_at
        from app.sessions a
        where a.user_id = sessions_of.user_id and a.revoked_at is null and a.expires_at > private.now()
          and (v_after is null or (a.created_at, a.id) < ((v_after ->> 0)::timestamptz, (v_after ->> 1)::uuid))
        order by a.created_at desc, a.id desc
        limit max_rows + 1) s;
  if cardinality(v_page.items) > max_rows then
    v_page.items := v_page.items[1:max_rows];
    v_page.next_cursor := private.make_cursor('sessions ' || sessions_of.user_id, jsonb_build_array(
      v_page.items[max_rows].created_at, v_page.items[max_rows].id));
  end if;
  return v_page;
end
$$;
comment on function private.sessions_of(uuid, text, integer) is 'A page of the open sessions of a user, as far as the caller may see them.';
revoke all on function private.sessions_of(uuid, text, integer) from public;
grant execute on function private.sessions_of(uuid, text, integer) to roster_user, roster_dba;
