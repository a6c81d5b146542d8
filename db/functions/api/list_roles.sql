-- What can be assigned, and what each role allows.
create or replace function api.list_roles(cursor text default null, "limit" app.page_size default 20) returns api.role_page
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after text := private.read_cursor('roles', cursor) ->> 0;
  v_page  api.role_page;
begin
  v_page.items := array(
    select private.load_role(r.id) from app.roles r
    where v_after is null or r.name > v_after
    order by r.name limit "limit" + 1);
  if cardinality(v_page.items) > "limit" then
    v_page.items := v_page.items[1:"limit"];
    v_page.next_cursor := private.make_cursor('roles', jsonb_build_array(v_page.items["limit"].name));
  end if;
  return v_page;
end
$$;
comment on function api.list_roles(text, app.page_size) is $$
@http GET /v1/roles
@permission users:read
@errors cursor_invalid

List the roles and their permissions, by name.
$$;
revoke all on function api.list_roles(text, app.page_size) from public;
grant execute on function api.list_roles(text, app.page_size) to roster_user;
