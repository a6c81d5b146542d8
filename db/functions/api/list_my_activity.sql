-- What happened to my account. Whoever tried my password shows with their address; an administrator who helped does not.
-- What an operator did in psql, where no request is, was not done by myself, even if they acted as me.
create or replace function api.list_my_activity(cursor text default null, "limit" app.page_size default 20)
returns api.activity_page
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
  v_after   jsonb := private.read_cursor('activity', cursor);
  v_page    api.activity_page;
  v_ids     bigint[];
begin
  select coalesce(array_agg((e.occurred_at, e.action, (e.actor_user_id = v_user_id and e.request_id is not null) is true,
                             case when m.is_mine then e.actor_session_id end,
                             case when m.is_mine then host(e.client_address) end,
                             case when m.is_mine then e.user_agent end,
                             e.changed_fields)::api.activity order by e.occurred_at desc, e.id desc), '{}'),
         array_agg(e.id order by e.occurred_at desc, e.id desc)
  into v_page.items, v_ids
  from audit.events_of(v_user_id, (v_after ->> 0)::timestamptz, (v_after ->> 1)::bigint, "limit" + 1) e,
       lateral (select coalesce(e.actor_user_id = v_user_id, e.request_id is not null) as is_mine) m;
  if cardinality(v_page.items) > "limit" then
    v_page.items := v_page.items[1:"limit"];
    v_page.next_cursor := private.make_cursor('activity', jsonb_build_array(
      v_page.items["limit"].occurred_at, v_ids["limit"]));
  end if;
  return v_page;
end
$$;
comment on function api.list_my_activity(text, app.page_size) is $$
@http GET /v1/me/activity
@errors cursor_invalid

List what happened to the signed-in user's account, newest first.

Addresses and devices are shown for one's own sessions and for requests without a session, such as failed sign-ins; what
administrators did shows without theirs.
$$;
revoke all on function api.list_my_activity(text, app.page_size) from public;
grant execute on function api.list_my_activity(text, app.page_size) to roster_user;
