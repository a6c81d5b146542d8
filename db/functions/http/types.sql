-- The types that the functions of schemas api and http take and return, with everything that those are made of:
-- enough to write a JSON Schema of every field. Types named problem_<code> are the members of problems.
create or replace function http.types() returns table (
  oid        oid,
  schema     text,
  name       text,
  kind       text,
  base       oid,
  element    oid,
  modifier   integer,
  checks     text[],
  labels     text[],
  attributes jsonb,
  comment    text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive used (oid) as (
    select u.oid
    from pg_proc p, unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) u (oid)
    where p.pronamespace in ('api'::regnamespace, 'http'::regnamespace)
    union
    select t.oid from pg_type t
    where t.typnamespace = 'api'::regnamespace and t.typtype = 'c' and starts_with(t.typname, 'problem_')
    union
    select part.oid
    from used u
    join pg_type t on t.oid = u.oid,
    lateral (
      select t.typbasetype where t.typtype = 'd'
      union all
      select t.typelem where t.typtype = 'b' and t.typcategory = 'A'
      union all
      select a.atttypid from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    ) part (oid)
  )
  select
    t.oid,
    n.nspname,
    t.typname,
    case when c.relkind <> 'c' then 'relation' when t.typtype = 'b' and t.typcategory = 'A' then 'array' else t.typtype::text end,
    nullif(t.typbasetype, 0),
    nullif(t.typelem, 0),
    nullif(t.typtypmod, -1),
    array(select pg_get_expr(k.conbin, 0) from pg_constraint k
          where k.contypid = t.oid and k.contype = 'c' order by k.conname),
    array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder),
    (select coalesce(jsonb_agg(jsonb_build_object(
         'name', a.attname,
         'type', a.atttypid::bigint,
         'comment', col_description(t.typrelid, a.attnum)) order by a.attnum), '[]')
     from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped),
    obj_description(t.oid, 'pg_type')
  from used u
  join pg_type t on t.oid = u.oid
  join pg_namespace n on n.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  order by n.nspname, t.typname
$$;
comment on function http.types() is 'The types that the routes use: domains with their checks, enums with their labels, composites with their attributes and comments, arrays with their element.';
revoke all on function http.types() from public;
grant execute on function http.types() to roster_authenticator, roster_dba;
