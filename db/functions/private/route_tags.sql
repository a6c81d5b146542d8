-- A route's permission, event and limit are declared once, in its comment; this reads them where they are enforced.
create or replace function private.route_tags(route regprocedure, out permission text, out audit text, out rate_limit text,
  out api_keys text, out despite text[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select substring(d.description from '(?n)^@permission[ \t]+(\S+)[ \t]*$'),
         substring(d.description from '(?n)^@audit[ \t]+(\S+)'),
         substring(d.description from '(?n)^@rate_limit[ \t]+(\S+)[ \t]*$'),
         substring(d.description from '(?n)^@api_keys[ \t]+(allowed)[ \t]*$'),
         regexp_split_to_array(substring(d.description from '(?n)^@despite[ \t]+([^ \t].*)$'), '[ \t]+')
  into permission, audit, rate_limit, api_keys, despite
  from pg_description d
  where d.objoid = route_tags.route and d.classoid = 'pg_proc'::regclass and d.objsubid = 0;
end
$$;
comment on function private.route_tags(regprocedure) is 'The tags of a route''s comment that the database enforces; null where a tag is missing.';
revoke all on function private.route_tags(regprocedure) from public;
