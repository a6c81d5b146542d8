-- What a database is, as sorted text: one line for each object of pgroster's schemas, with its definition, owner,
-- privileges and comment. Two databases with the same text behave the same, whichever way they came about.
-- No oids, no data, no months of partitions; bodies of functions as digests. psql -XAtq -f db/fingerprint.sql

begin transaction read only;
set local search_path = '';
set local timezone = 'UTC';
set local datestyle = 'ISO, MDY';
set local intervalstyle = 'postgres';

with
schemas as (
  select n.oid, n.nspname as name
  from pg_namespace n
  where n.nspname in ('app', 'api', 'admin', 'private', 'reporting', 'http', 'audit')
),
relations as (
  select format('%I.%I', s.name, c.relname) as name, c.*
  from pg_class c join schemas s on s.oid = c.relnamespace
),
routines as (
  select p.oid::regprocedure::text as name, p.*
  from pg_proc p join schemas s on s.oid = p.pronamespace
),
objects (kind, name, definition, owner, acl, comment) as (
  select 'schema', n.nspname::text, null, n.nspowner,
         coalesce(n.nspacl, acldefault('n', n.nspowner)), obj_description(n.oid, 'pg_namespace')
  from pg_namespace n join schemas s on s.oid = n.oid

  union all
  select case r.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                        when 'm' then 'materialized view' when 'S' then 'sequence' else 'composite type' end,
         r.name,
         concat_ws(' ',
           case r.relpersistence when 'u' then 'unlogged' end,
           case when r.relispartition then 'partition of ' || (
             select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = r.oid) end,
           pg_get_partkeydef(r.oid),
           case when r.relkind in ('r', 'p') then case when r.relrowsecurity then 'rls' else 'no rls' end end,
           case when r.relforcerowsecurity then 'forced' end,
           r.reloptions::text,
           case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end,
           (select format('%s from %s by %s between %s and %s cache %s%s, owned by %s',
                     q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
                     case when q.seqcycle then ' cycle' end,
                     (select d.refobjid::regclass::text from pg_depend d
                      where d.classid = 'pg_class'::regclass and d.objid = r.oid
                        and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')))
            from pg_sequence q where q.seqrelid = r.oid)),
         r.relowner,
         case when r.relkind <> 'c' then
           coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's'::"char" else 'r' end, r.relowner)) end,
         obj_description(r.oid, 'pg_class')
  from relations r
  where r.relkind in ('r', 'p', 'v', 'm', 'S', 'c')

  union all
  select 'column', format('%s.%I', r.name, a.attname),
         concat_ws(' ',
           row_number() over (partition by a.attrelid order by a.attnum),
           format_type(a.atttypid, a.atttypmod),
           case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation end,
           case when a.attnotnull then 'not null' end,
           case a.attgenerated when 's' then 'generated' when 'v' then 'virtual' end,
           case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
           'default ' || pg_get_expr(d.adbin, d.adrelid)),
         null, a.attacl, col_description(a.attrelid, a.attnum)
  from pg_attribute a
  join relations r on r.oid = a.attrelid and r.relkind in ('r', 'p', 'v', 'm', 'c')
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped

  union all
  select 'constraint',
         format('%s %I', coalesce(r.name, c.contypid::regtype::text), c.conname),
         pg_get_constraintdef(c.oid), null, null, obj_description(c.oid, 'pg_constraint')
  from pg_constraint c
  join schemas s on s.oid = c.connamespace
  left join relations r on r.oid = c.conrelid

  union all
  select 'index', r.name,
         concat_ws(' ', pg_get_indexdef(r.oid),
           case when not i.indisvalid then 'invalid' end, case when i.indisclustered then 'clustered' end,
           case when i.indisreplident then 'replica identity' end),
         null, null, obj_description(r.oid, 'pg_class')
  from pg_index i join relations r on r.oid = i.indexrelid

  union all
  select 'policy', format('%s %I', r.name, p.polname),
         concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd, 'to',
           (select string_agg(coalesce(o.rolname, 'public'), ', ' order by o.rolname collate "C")
            from unnest(p.polroles) m left join pg_roles o on o.oid = m),
           'using ' || pg_get_expr(p.polqual, p.polrelid),
           'check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
         null, null, obj_description(p.oid, 'pg_policy')
  from pg_policy p join relations r on r.oid = p.polrelid

  union all
  select 'trigger', format('%s %I', r.name, t.tgname),
         pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text,
         null, null, obj_description(t.oid, 'pg_trigger')
  from pg_trigger t join relations r on r.oid = t.tgrelid
  where not t.tgisinternal

  union all
  select 'rule', format('%s %I', r.name, w.rulename),
         pg_get_ruledef(w.oid) || ' enabled ' || w.ev_enabled::text,
         null, null, obj_description(w.oid, 'pg_rewrite')
  from pg_rewrite w join relations r on r.oid = w.ev_class
  where w.rulename <> '_RETURN'

  union all
  select 'function', r.name,
         case when r.prokind <> 'a' then
           format('%s, body %s',
             regexp_replace(pg_get_functiondef(r.oid), '\nAS \$(function|procedure)\$.*', ''),
             md5(r.prosrc)) end,
         r.proowner, coalesce(r.proacl, acldefault('f', r.proowner)), obj_description(r.oid, 'pg_proc')
  from routines r

  union all
  select case t.typtype when 'd' then 'domain' when 'e' then 'enum' when 'r' then 'range' else 'type' end,
         t.oid::regtype::text,
         concat_ws(' ',
           case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
           case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
           (select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
            from pg_enum e where e.enumtypid = t.oid),
           (select 'of ' || g.rngsubtype::regtype from pg_range g where g.rngtypid = t.oid)),
         t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), obj_description(t.oid, 'pg_type')
  from pg_type t
  join schemas s on s.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  where t.typtype in ('d', 'e', 'r') or c.relkind = 'c'

  union all
  select 'default privileges',
         format('%s %s %s', o.rolname, coalesce(n.nspname, 'everywhere'), d.defaclobjtype),
         null, null, d.defaclacl, null
  from pg_default_acl d
  join pg_roles o on o.oid = d.defaclrole and o.rolname like 'roster\_%'
  left join pg_namespace n on n.oid = d.defaclnamespace

  union all
  select 'role', o.rolname,
         concat_ws(' ',
           case when o.rolsuper then 'superuser' end, case when o.rolinherit then 'inherit' else 'noinherit' end,
           case when o.rolcreaterole then 'createrole' end, case when o.rolcreatedb then 'createdb' end,
           case when o.rolcanlogin then 'login' end, case when o.rolreplication then 'replication' end,
           case when o.rolbypassrls then 'bypassrls' end, 'limit ' || o.rolconnlimit),
         null, null, shobj_description(o.oid, 'pg_authid')
  from pg_roles o
  where o.rolname like 'roster\_%'

  union all
  -- The options of a membership, which PostgreSQL has from 16 on, are columns only there.
  select 'membership', format('%s in %s', m.member::regrole, m.roleid::regrole),
         format('admin %s, inherit %s, set %s', m.admin_option,
           coalesce(to_jsonb(m) ->> 'inherit_option', '-'), coalesce(to_jsonb(m) ->> 'set_option', '-')),
         null, null, null
  from pg_auth_members m
  where m.member::regrole::text like 'roster\_%' and m.roleid::regrole::text like 'roster\_%'

  union all
  select 'setting', coalesce(o.rolname, 'database') || case when v.setrole <> 0 and v.setdatabase <> 0 then ' in database' else '' end,
         c, null, null, null
  from pg_db_role_setting v
  left join pg_roles o on o.oid = v.setrole
  cross join unnest(v.setconfig) c
  where v.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database()))
    and (o.rolname like 'roster\_%' or (v.setrole = 0 and c like 'search\_path=%'))

  union all
  select 'extension', e.extname, 'in ' || e.extnamespace::regnamespace, null, null, null
  from pg_extension e
  where e.extname = 'pgcrypto'

  union all
  select 'event trigger', e.evtname, concat_ws(' ', e.evtevent, e.evtenabled, e.evttags, e.evtfoid::regprocedure),
         null, null, obj_description(e.oid, 'pg_event_trigger')
  from pg_event_trigger e join routines r on r.oid = e.evtfoid

  union all
  -- Whatever else a schema holds is at least named.
  select 'object', i.type || ' ' || i.identity, null, null, null, null
  from pg_depend d
  join schemas s on s.oid = d.refobjid and d.refclassid = 'pg_namespace'::regclass
  cross join pg_identify_object(d.classid, d.objid, d.objsubid) i
  where d.classid not in ('pg_class'::regclass, 'pg_proc'::regclass,
                          'pg_type'::regclass, 'pg_default_acl'::regclass)
),
lines as (
  select regexp_replace(
           concat_ws(' | ', o.kind || ' ' || o.name, nullif(o.definition, ''),
             'owner ' || w.rolname, 'acl ' || p.privileges, 'comment ' || o.comment),
           '\s+', ' ', 'g') as line
  from objects o
  left join pg_roles w on w.oid = o.owner
  left join lateral (
    select coalesce(string_agg(g.grants, '; ' order by g.grants collate "C"), 'none') as privileges
    from (select coalesce(r.rolname, 'public') || ' '
                 || string_agg(a.privilege_type || case when a.is_grantable then '*' else '' end, ','
                                          order by a.privilege_type collate "C") as grants
          from aclexplode(o.acl) a left join pg_roles r on r.oid = a.grantee
          group by r.rolname) g
  ) p on o.acl is not null
)
-- Partitions come and go with the months: they are all the same.
select distinct
  case when l.line ~ '_\d{4}_\d\d\M'
    then regexp_replace(regexp_replace(l.line, '_\d{4}_\d\d\M|_\d{4}_\d\d(?=_)', '_YYYY_MM', 'g'),
           '\d{4}-\d\d', 'YYYY-MM', 'g')
    else l.line end collate "C" as line
from lines l
order by line;
commit;
