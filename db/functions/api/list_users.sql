-- Runs with its owner's rights, since a search under row-level security could use no index on what is not leakproof;
-- so it asks for the permission itself.
create or replace function api.list_users(
  q app.search_text default null,
  status app.user_status default null,
  role app.role_name default null,
  created_after timestamptz default null,
  created_before timestamptz default null,
  include_deleted boolean default false,
  sort app.user_sort default '-created_at',
  count app.count_kind default 'none',
  cursor text default null,
  "limit" app.page_size default 20)
returns api.user_page
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
  v_page  api.user_page;
begin
  perform private.authorize('api.list_users(app.search_text,app.user_status,app.role_name,timestamptz,timestamptz,boolean,app.user_sort,app.count_kind,text,app.page_size)');
  v_found := private.find_users(
    q, status, role, created_after, created_before, include_deleted, sort,
    private.read_cursor('users ' || sort, cursor), "limit" + 1, list_users.count = 'estimated');
  v_page.items := array(
    select s from jsonb_array_elements(v_found.places) with ordinality f (place, n), private.show_user((f.place ->> 1)::uuid) s
    where f.n <= "limit" order by f.n);
  if jsonb_array_length(v_found.places) > "limit" then
    v_page.next_cursor := private.make_cursor('users ' || sort, v_found.places -> ("limit" - 1));
  end if;
  v_page.estimated_count := v_found.estimate;
  return v_page;
end
$$;
comment on function api.list_users(app.search_text, app.user_status, app.role_name, timestamptz, timestamptz, boolean, app.user_sort, app.count_kind, text, app.page_size) is $$
@http GET /v1/users
@permission users:read
@errors cursor_invalid

List accounts, page by page.

`q` finds accounts whose email address or username starts with it, and those that have, for each of its words, one that
starts with it in their names, or in their username and the part of their address before the @. Deleted accounts are left out unless `include_deleted`
is true or `status` is `deleted`. `count=estimated` adds about how many accounts fit in all.
$$;
revoke all on function api.list_users(app.search_text, app.user_status, app.role_name, timestamptz, timestamptz, boolean, app.user_sort, app.count_kind, text, app.page_size) from public;
grant execute on function api.list_users(app.search_text, app.user_status, app.role_name, timestamptz, timestamptz, boolean, app.user_sort, app.count_kind, text, app.page_size) to roster_user;
