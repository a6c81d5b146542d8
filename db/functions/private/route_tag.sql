-- A route's permission and limit are declared once, in its comment; this reads them where they are enforced.
create or replace function private.route_tag(route regprocedure, tag text) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return substring(obj_description(route_tag.route, 'pg_proc') from '(?n)^@' || route_tag.tag || '[ \t]+(\S+)[ \t]*$');
end
$$;
comment on function private.route_tag(regprocedure, text) is 'The value of a one-word tag in the comment of a route, or null.';
revoke all on function private.route_tag(regprocedure, text) from public;
