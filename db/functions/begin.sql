-- Clears the way for the files of this directory, within the caller's transaction: every function and view that
-- nothing else depends on goes, so that a changed signature leaves no overload and a removed file leaves nothing.
-- What a policy, a trigger, a default or a table's view uses stays and is replaced where it is.
-- pgroster.keep (oids of functions) and pgroster.keep_types spare what is known to be the same: a running
-- service then never meets a function that has gone. Nothing is ever dropped with `cascade`.

set local search_path = pg_catalog, pg_temp;
do $$
begin
  if coalesce(current_setting('pgroster.functions_digest', true), '') = '' then
    raise exception using
      message = 'the functions are applied in one transaction',
      hint = 'Run psql -1 -f db/functions/apply.sql, or pgroster migrate.';
  end if;
  perform pg_advisory_xact_lock(hashtext('pgroster functions'));
  perform set_config('pgroster.login', current_setting('role'), true);
end
$$;
\ir ../migrations/join_audit_owner.sql

do $$
declare
  v_schemas    oid[] := array['private', 'audit', 'http', 'admin', 'api']::regnamespace[]::oid[];
  v_keep       oid[] := coalesce(string_to_array(nullif(current_setting('pgroster.keep', true), ''), ',')::oid[], '{}');
  v_keep_types boolean := coalesce(nullif(current_setting('pgroster.keep_types', true), '')::boolean, false);
  v_routines   text;
  v_views      text;
  v_types      text;
begin
  -- A kept function cannot stay when the types of its signature go.
  if not v_keep_types then
    v_keep := array(
      select k from unnest(v_keep) k
      where not exists (
        select
        from pg_depend d join pg_type t on t.oid = d.refobjid
        where d.classid = 'pg_proc'::regclass and d.objid = k
          and d.refclassid = 'pg_type'::regclass and t.typnamespace = 'api'::regnamespace));
  end if;

  -- From the leaves inwards, until what is left is needed by something else.
  loop
    select string_agg(p.oid::regprocedure::text, ', ') into v_routines
    from pg_proc p
    where p.pronamespace = any (v_schemas)
      and p.oid <> all (v_keep)
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
      and not exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid);

    -- Views of the other schemas belong to the structural steps.
    select string_agg(c.oid::regclass::text, ', ') into v_views
    from pg_class c
    join pg_type t on t.oid = c.reltype
    where c.relkind = 'v'
      and c.relnamespace in ('http'::regnamespace, 'admin'::regnamespace, 'api'::regnamespace)
      and not exists (
        select
        from pg_depend d
        where (d.refclassid, d.refobjid) in (
            ('pg_class'::regclass, c.oid), ('pg_type'::regclass, t.oid), ('pg_type'::regclass, t.typarray))
          and (d.classid, d.objid) not in (
            select 'pg_rewrite'::regclass, r.oid from pg_rewrite r where r.ev_class = c.oid
            union all select 'pg_type'::regclass, t.oid
            union all select 'pg_type'::regclass, t.typarray));

    exit when v_routines is null and v_views is null;
    if v_routines is not null then
      execute 'drop routine ' || v_routines;
    end if;
    if v_views is not null then
      execute 'drop view ' || v_views;
    end if;
  end loop;

  -- Whatever else depends on a type of schema api is named in the error.
  if not v_keep_types then
    select string_agg(t.oid::regtype::text, ', ') into v_types
    from pg_type t
    left join pg_class c on c.oid = t.typrelid
    where t.typnamespace = 'api'::regnamespace
      and (t.typtype in ('d', 'e', 'r') or c.relkind = 'c');
    if v_types is not null then
      execute 'drop type ' || v_types;
    end if;
  end if;
end
$$;

-- `create or replace` leaves the privileges and the comment as they were; the files start from none.
do $$
declare
  v_function record;
  v_grantee  text;
begin
  for v_function in
    select p.oid, p.oid::regprocedure::text as name, p.proowner, p.pronamespace,
           coalesce(p.proacl, acldefault('f', p.proowner)) as acl
    from pg_proc p
    where p.pronamespace = any (array['private', 'audit', 'http', 'admin', 'api']::regnamespace[]::oid[])
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('comment on routine %s is null', v_function.name);
    for v_grantee in
      select distinct case a.grantee when 0 then 'public' else a.grantee::regrole::text end
      from aclexplode(v_function.acl) a
      where a.grantee <> v_function.proowner
    loop
      execute format('revoke all on routine %s from %s', v_function.name, v_grantee);
    end loop;
    for v_grantee in
      select a.grantee::regrole::text
      from pg_default_acl d, aclexplode(d.defaclacl) a
      where d.defaclrole = v_function.proowner and d.defaclnamespace = v_function.pronamespace and d.defaclobjtype = 'f'
    loop
      execute format('grant execute on routine %s to %s', v_function.name, v_grantee);
    end loop;
  end loop;

  -- finish.sql tells by their row versions which ones no file replaced.
  perform set_config('pgroster.stayed', coalesce((
    select string_agg(p.oid::text || ' ' || p.ctid::text, ';')
    from pg_proc p
    where p.pronamespace = any (array['private', 'audit', 'http', 'admin', 'api']::regnamespace[]::oid[])
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  ), ''), true);
end
$$;

set local role roster_owner;
