-- What the HTTP service makes its routes from: facts only, so that one strict reader decides what they mean.
-- Schema `http` is listed as well, for the functions that tags name. The pinned search_path writes every name in full.
create or replace function http.routes() returns table (
  signature     text,
  schema        text,
  name          text,
  kind          text,
  volatility    text,
  is_strict     boolean,
  returns       oid,
  returns_set   boolean,
  arguments     jsonb,
  comment       text,
  callers       text[],
  is_executable boolean)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    p.oid::regprocedure::text,
    n.nspname,
    p.proname,
    p.prokind,
    p.provolatile,
    p.proisstrict,
    p.prorettype,
    p.proretset,
    (select coalesce(jsonb_agg(jsonb_build_object(
         'name', p.proargnames[a.position],
         'mode', coalesce(p.proargmodes[a.position], 'i'),
         'type', a.type::bigint,
         'default', pg_get_function_arg_default(p.oid, a.position::integer)) order by a.position), '[]')
     from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality a (type, position)),
    obj_description(p.oid, 'pg_proc'),
    array(select r from unnest('{roster_anonymous,roster_user}'::text[]) r where has_function_privilege(r, p.oid, 'execute')),
    has_function_privilege('roster_authenticator', p.oid, 'execute')
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('api', 'http')
  order by n.nspname, p.proname, p.oid::regprocedure::text
$$;
comment on function http.routes() is 'The functions of schemas api and http as the catalog has them: arguments with mode, type and default, result, comment, request roles that may execute them.';
revoke all on function http.routes() from public;
grant execute on function http.routes() to roster_authenticator, roster_dba;
