-- The rules that every object keeps, read from the catalog, so that a new file is held to them as well.
-- An assertion that fails prints the offenders.
--
-- How to run, this file and its neighbours: pgTAP in schema public of a migrated database, then as superuser
--   pg_prove -d user_management db/tests/*.sql
-- Each file is one transaction that is rolled back.
begin;
set local search_path = pg_catalog, public;
select plan(62);

-- What the rules are about: everything in the product's schemas but what an extension brought.
create temp view our_schemas as
  select n.oid, n.nspname as name, n.nspowner as owner, n.nspacl as acl
  from pg_namespace n where n.nspname in ('app', 'api', 'admin', 'private', 'reporting', 'http', 'audit');
create temp view our_functions as
  select p.oid, p.oid::regprocedure as signature, s.name as schema, p.proname as name, l.lanname as language, p.prosrc as source,
         p.proowner as owner, p.prosecdef as is_definer, p.proconfig as config, p.provolatile as volatility,
         coalesce(p.proacl, acldefault('f', p.proowner)) as acl, p.proargnames as argument_names, p.proargmodes as argument_modes,
         p.prorettype as returns, p.proretset as returns_set, obj_description(p.oid, 'pg_proc') as comment,
         -- without comments and the contents of literals
         regexp_replace(regexp_replace(p.prosrc, '--[^\n]*', '', 'g'), '''[^'']*''', '''''', 'g') as code
  from pg_proc p
  join our_schemas s on s.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e');
create temp view our_relations as
  select c.oid, s.name || '.' || c.relname as name, s.name as schema, c.relname, c.relkind as kind, c.relispartition as is_partition,
         c.relowner as owner, c.relacl as acl, c.relrowsecurity as has_rls, c.relforcerowsecurity as forces_rls,
         c.reloptions as options, c.relpersistence as persistence
  from pg_class c join our_schemas s on s.oid = c.relnamespace;
create temp view our_columns as
  select r.oid, a.attnum, r.name || '.' || a.attname as name, r.name as relation, a.attname, r.kind, r.is_partition, a.attacl,
         a.atttypid as type, col_description(r.oid, a.attnum) as comment
  from our_relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped;
create temp view routes as
  select f.*,
         substring(f.comment from '(?n)^@http[ ]+(\S+)') as method,
         substring(f.comment from '(?n)^@permission[ ]+(\S+)') as permission,
         substring(f.comment from '(?n)^@rate_limit[ ]+(\S+)') as rate_limit
  from our_functions f where f.schema = 'api';

-- Functions

select isnt_empty('select from our_functions', 'the rules look at functions');
select is_empty(
  $$select signature from our_functions where (language <> 'sql' or is_definer or config is not null)
      and config is distinct from array['search_path=pg_catalog, pg_temp']$$,
  'every function that is PL/pgSQL, has its owner''s rights or a setting pins search_path to pg_catalog, pg_temp');
select is_empty(
  $$select f.signature, m[1] from our_functions f,
      regexp_matches(f.code, '(?<![.a-z0-9_"])([a-z_][a-z0-9_]*)\s*\(', 'gi') m
    where f.language = 'sql' and f.config is null
      and m[1] not in ('coalesce', 'nullif', 'greatest', 'least', 'extract', 'values', 'array', 'in', 'exists', 'any', 'all',
                       'case', 'when', 'then', 'else', 'and', 'or', 'not', 'select', 'from', 'where', 'as')$$,
  'a function without a pinned search_path qualifies every function that it calls');
select is_empty(
  $$select f.signature, m[1] from our_functions f, regexp_matches(f.code, '::\s*([a-z_][a-z0-9_.]*)', 'gi') m
    where f.language = 'sql' and f.config is null
      and m[1] !~ '\.' and m[1] not in ('bigint', 'integer', 'smallint', 'boolean', 'interval', 'numeric', 'text')$$,
  'a function without a pinned search_path qualifies every type that it names');
select is_empty(
  $$select f.signature, m[1] from our_functions f, regexp_matches(f.code, '\m(?:from|join)\s+([a-z_][a-z0-9_.]*)', 'gi') m
    where f.language = 'sql' and f.config is null and m[1] !~ '\.' and f.code !~ 'extract\(epoch from'$$,
  'a function without a pinned search_path qualifies every table that it reads');
select is_empty(
  $$select signature from our_functions where language = 'sql' and config is null and rtrim(code, E' \n;') ~ ';'$$,
  'a function without a pinned search_path is one statement');
select is_empty(
  $$select signature from our_functions where language not in ('sql', 'plpgsql')$$,
  'functions are SQL or PL/pgSQL');
select is_empty(
  $$select f.signature from our_functions f, aclexplode(f.acl) a where a.grantee = 0$$,
  'nobody executes one of our functions for being PUBLIC');
select is_empty(
  $$select signature from our_functions where regexp_count(source, '\n') > 61$$,
  'a function''s body has at most 60 lines');
select is_empty(
  $$select f.signature, n.argument, t[1]
    from our_functions f,
      unnest(f.argument_names, f.argument_modes) n (argument, mode),
      regexp_matches(f.code, '\m(?:from|join|update|into)\s+([a-z_]+\.[a-z_]+|pg_[a-z_]+)', 'gi') t
    join pg_attribute a on a.attrelid = to_regclass(t[1]) and a.attnum > 0
    where f.language = 'sql' and coalesce(n.mode, 'i') in ('i', 'b', 'v') and a.attname = n.argument$$,
  'no argument of an SQL function shares its name with a column that the function reads');
select is_empty(
  $$select signature from our_functions where array_position(argument_names, '') is not null$$,
  'every argument has a name');
select is_empty(
  $$select schema, name from our_functions group by schema, name having count(*) > 1$$,
  'no function is overloaded');
select is_empty(
  $$select f.signature, m[1] from our_functions f,
      regexp_matches(f.source, 'private\.(?:fail|refuse)\(\s*''([a-z_]+)''', 'g') m
    where not exists (select from http.problems() p where p.code = m[1])$$,
  'every problem that a function names is in the registry');
select is_empty(
  $$select code from http.problems() where code !~ '^[a-z_]+$' or status not between 400 and 599 or title !~ '\.$' or hint !~ '\.$'$$,
  'a problem has a slug, an error status, and two sentences');
select is_empty('select code from http.problems() group by code having count(*) > 1', 'a problem''s code is unique');

-- Operations of schema api

select is_empty(
  $$select signature from routes where comment is null or comment !~ '^\s*@http (GET|POST|PUT|PATCH|DELETE) /v1/\S+\n'$$,
  'every function of schema api is a route: its comment starts with @http');
select is_empty(
  $$select signature from routes where comment !~ '^\s*(@[^\n]*\n)+\n[A-Z][^\n]*\.\n'$$,
  'every route has a summary, a sentence after a blank line');
select is_empty(
  $$select signature from routes where (method = 'GET') <> (volatility in ('s', 'i'))$$,
  'what only reads is a GET, what writes is not');
select is_empty(
  $$select r.signature, r.permission from routes r where r.permission is not null
      and not exists (select from app.permissions p where p.name = r.permission)$$,
  'every @permission names a permission');
select is_empty(
  $$select r.signature, r.rate_limit from routes r where r.rate_limit is not null
      and not exists (select from app.rate_limit_policies p where p.name = r.rate_limit)$$,
  'every @rate_limit names a limit');
select is_empty(
  $$select r.signature, e from routes r, regexp_split_to_table(substring(r.comment from '(?n)^@errors[ ]+(.*)$'), '\s+') e
    where not exists (select from http.problems() p where regexp_replace(e, '^[0-9]{3}:', '') in (p.code, p.status::text))$$,
  'every @errors names a problem');
select is_empty(
  $$select r.signature, m[1] from routes r, regexp_matches(r.comment, '(?n)^@(?:verify|hash) .*\m(?:using|avoiding) (http\.[a-z_]+)', 'g') m
    where not exists (select from our_functions f where f.schema || '.' || f.name = m[1])$$,
  'every function that a tag names exists');
select is_empty(
  $$select signature from routes r where is_definer and permission is not null
      and (select m[1]::regprocedure from regexp_match(r.source, 'perform private\.authorize\(''([^'']+)''\);') m)
        is distinct from r.signature$$,
  'a route with its owner''s rights and a permission authorizes itself, by its own signature');
select is_empty(
  $$select signature from routes where code ~* '\mwhen\s+others\M'$$,
  'no route catches what it does not know');
select is_empty(
  $$select signature from routes where code ~* '\mexecute\M'$$,
  'no route composes SQL');
select is_empty(
  $$select r.signature, r.returns::regtype from routes r join pg_type t on t.oid = r.returns
    where r.returns_set or (t.typnamespace <> 'api'::regnamespace and r.returns <> 'void'::regtype)$$,
  'a route returns one of the named types of schema api, or nothing');

-- Tables

select isnt_empty($$select from our_relations where is_partition$$, 'the rules look at partitions too');
select is_empty(
  $$select name from our_relations where kind in ('r', 'p') and not (has_rls and forces_rls)$$,
  'row-level security is enabled and forced on every table and every partition');
select is_empty(
  $$select r.name from our_relations r where r.kind in ('r', 'p') and not r.is_partition
      and not exists (select from pg_policy p where p.polrelid = r.oid)$$,
  'every table has a policy');
select is_empty(
  $$select tablename, policyname from pg_policies p join our_schemas s on s.name = p.schemaname where 'public' = any (p.roles)$$,
  'no policy is for PUBLIC');
select is_empty(
  $$select p.tablename, p.policyname from pg_policies p join our_schemas s on s.name = p.schemaname,
      unnest(array[p.qual, p.with_check]) expression
    where replace(expression, 'SELECT private.', '') ~ 'private\.'$$,
  'a policy asks its helpers once a statement, in a sub-select, not once a row');
select is_empty(
  $$select r.name, a.privilege_type from our_relations r, aclexplode(r.acl) a where a.grantee = 0
    union all select c.name, a.privilege_type from our_columns c, aclexplode(c.attacl) a where a.grantee = 0$$,
  'PUBLIC has nothing on a table, a view, a sequence or a column');
select is_empty(
  $$select s.name, a.privilege_type from our_schemas s, aclexplode(s.acl) a where a.grantee = 0$$,
  'PUBLIC has nothing on a schema');
select is_empty(
  $$select k.conrelid::regclass, k.conname from pg_constraint k join our_schemas s on s.oid = k.connamespace
    where k.contype = 'f' and not exists (
      select from pg_index i where i.indrelid = k.conrelid and i.indisvalid
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)',
               (select a.attname from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]))))$$,
  'every foreign key has an index');
select is_empty(
  $$select k.conrelid::regclass, k.conname from pg_constraint k join our_relations r on r.oid = k.conrelid
    where not r.is_partition and not starts_with(k.conname, r.relname || '_')$$,
  'the name of a constraint starts with the name of its table');
select is_empty(
  $$select k.conrelid::regclass, k.conname from pg_constraint k join our_schemas s on s.oid = k.connamespace where not k.convalidated$$,
  'every constraint has been validated');
select set_eq(
  $$select name from our_relations where persistence <> 'p' and kind in ('r', 'p')$$,
  array['app.rate_limits'],
  'only what is worth nothing after a crash is unlogged');
select is_empty(
  $$select c.name from our_columns c where c.kind in ('r', 'p') and c.type in ('timestamp'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype)$$,
  'columns are timestamptz, text and jsonb, not their lesser relatives');
select is_empty(
  $$select t.tgrelid::regclass, t.tgname from pg_trigger t join our_relations r on r.oid = t.tgrelid
    where not t.tgisinternal and (t.tgname !~ '^_[0-9]{3}_[a-z_]+$' or t.tgenabled <> 'O'
       or (select p.proname from pg_proc p where p.oid = t.tgfoid) !~ '^tg__')$$,
  'triggers are named in their order, call functions tg__…, and are enabled');

-- The audit trigger

create temp table unaudited (name, reason) as values
  ('app.schema_migrations', 'says itself who deployed what when'),
  ('private.clock', 'zero outside of tests'),
  ('private.secrets', 'a key that nobody changes'),
  ('app.login_sources', 'counters; each login and each failure is an event of its own'),
  ('app.outbox', 'deliveries are not changes of accounts'),
  ('app.rate_limits', 'counters'),
  ('app.jobs', 'written at every run; says itself how that went'),
  ('app.idempotency_keys', 'a cache of answers'),
  ('http.deployed', 'says itself when'),
  ('audit.audit_logs', 'the log');
create temp view audited as
  select r.oid, r.name, r.relname, t.tgtype, t.tgqual, t.tgattr, t.tgnargs,
         string_to_array(encode(t.tgargs, 'escape'), '\000') as arguments
  from our_relations r
  join pg_trigger t on t.tgrelid = r.oid and t.tgname = '_900_record_change'
  where t.tgfoid = 'audit.tg__record_change()'::regprocedure;
select set_eq(
  $$select name from audited union all select name from unaudited$$,
  $$select name from our_relations where kind in ('r', 'p') and not is_partition$$,
  'every table leaves its changes in the log, or stands on the list of those that need not');
select is_empty('select name from audited intersect select name from unaudited', 'no table stands on that list for nothing');
select is_empty(
  $$select name from audited where tgtype <> 29 or tgqual is not null or cardinality(tgattr::int2[]) > 0 or tgnargs <> 4$$,
  'the audit trigger sees each row of every insert, update and delete, without a condition');
select is_empty(
  $$select t.name, c.column_name from audited t, unnest(t.arguments[1:4]) a, regexp_split_to_table(a, ',') c (column_name)
    where c.column_name <> '' and not exists (select from our_columns o where o.oid = t.oid and o.attname = c.column_name)$$,
  'the columns that the audit trigger is told about exist');
select is_empty(
  $$select t.name from audited t where string_to_array(t.arguments[2], ',') <> array(
      select a.attname::text from pg_index i, unnest(i.indkey::int2[]) with ordinality k (attnum, n)
      join pg_attribute a on a.attnum = k.attnum where a.attrelid = i.indrelid and i.indrelid = t.oid and i.indisprimary order by k.n)$$,
  'the audit trigger is told the primary key');
select is_empty(
  $$select t.name from audited t where t.arguments[1] = '' and exists (
      select from our_columns o where o.oid = t.oid and o.attname = 'user_id')$$,
  'the audit trigger is told which column names the user');

-- Secrets

create temp view secret_columns as
  select c.* from our_columns c
  where c.kind in ('r', 'p', 'v', 'm')
    -- What seals a row of the log is there to be checked by whoever reads it; the salts go with the values.
    and not (c.relation like 'audit.%' and c.attname ~ '^(values|origin)_(salt|digest)$')
    and (c.type in ('app.digest'::regtype, 'app.password_hash'::regtype, 'app.message_payload'::regtype, 'bytea'::regtype)
         or c.attname ~ '(_hash|_secret|_salt|_token|_key)$' and c.attname !~ '^(email|username)_key$');
select is_empty(
  $$select c.name, r.rolname from secret_columns c, pg_roles r
    where r.rolname ~ '^roster_' and r.rolname <> 'roster_owner'
      and has_column_privilege(r.oid, c.oid, c.attnum, 'select, insert, update, references')$$,
  'no role but the owner can read or write a secret column');
select is_empty(
  $$select c.name from secret_columns c join audited t on t.oid = c.oid
    where c.attname <> all (string_to_array(t.arguments[3], ','))$$,
  'the audit trigger leaves every secret column''s value out');
select is_empty(
  $$select c.name from our_columns c where c.relation like 'audit.%' and c.type in ('bytea'::regtype, 'app.digest'::regtype, 'app.password_hash'::regtype)
      and c.attname !~ '^(values|origin)_(salt|digest)$'$$,
  'the audit log has no place for a secret');

-- What a comment marks as a secret is never stored to be given again, so a secret must not lack its mark.
select is_empty(
  $$select t.typname, a.attname from pg_type t join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    where t.typnamespace = 'api'::regnamespace and t.typtype = 'c'
      and (a.attname ~ '(_token|_secret|_codes?)$|^(api_)?(key|token|secret|codes?)$' or a.atttypid in ('app.token'::regtype, 'app.phone_code'::regtype))
      and col_description(t.typrelid, a.attnum) ~ '\(secret\)' is not true$$,
  'BR-123: an attribute of an answer that is a secret is marked as one');
select is_empty(
  $$select f.signature, n.argument from our_functions f join pg_proc p on p.oid = f.oid,
      unnest(f.argument_names, p.proargtypes::oid[]) n (argument, type)
    where f.schema = 'api' and n.argument ~ '(^|_)(token|secret|code)$' and obj_description(n.type, 'pg_type') ~ '\(secret\)' is not true$$,
  'BR-123: an argument that is a secret has a domain that is marked as one');

-- Views

create temp table owners_rights (name, reason) as values
  ('private.live_sessions', 'policies look up identity through it; granted to nobody'),
  ('private.admins', 'counts administrators, whoever asks; granted to nobody'),
  ('reporting.v_users_complete', 'the reading role has no right on the tables behind it');
select is_empty(
  $$select name from our_relations where kind = 'v' and options::text !~ 'security_barrier'$$,
  'every view is a security barrier');
select set_eq(
  $$select name from our_relations where kind = 'v' and not coalesce(options::text ~ 'security_invoker(=true)?[,}]', false)$$,
  'select name from owners_rights',
  'a view has its caller''s rights, or stands on the list of those that need their owner''s');

-- Comments

select is_empty(
  $$select s.name from our_schemas s where coalesce(obj_description(s.oid, 'pg_namespace'), '') = ''
    union all select r.rolname from pg_roles r where r.rolname ~ '^roster_' and coalesce(shobj_description(r.oid, 'pg_authid'), '') = ''$$,
  'every schema and every role has a comment');
select is_empty(
  $$select name from our_relations where kind in ('r', 'p', 'v', 'm', 'c') and coalesce(
      obj_description(oid, 'pg_class'), obj_description((select t.oid from pg_type t where t.typrelid = our_relations.oid), 'pg_type'), '') = ''$$,
  'every table, view and composite type has a comment');
select is_empty(
  $$select name from our_columns where kind in ('r', 'p', 'v', 'm', 'c') and not is_partition and coalesce(comment, '') = ''$$,
  'every column of a table or a view and every attribute of a type has a comment');
select is_empty(
  $$select t.typname from pg_type t join our_schemas s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r') and coalesce(obj_description(t.oid, 'pg_type'), '') = ''$$,
  'every domain has a comment');
select is_empty(
  $$select signature from our_functions where coalesce(comment, '') = ''$$,
  'every function has a comment');
select is_empty(
  $$select r.name from our_relations r join pg_index i on i.indexrelid = r.oid
    where not r.is_partition and coalesce(obj_description(r.oid, 'pg_class'), '') = ''
      and i.indrelid not in ('app.schema_migrations'::regclass)
      and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'is_only')$$,
  'every index says which query it serves, but those of tables with one row');

-- Owners and roles

select is_empty(
  $$select name, owner::regrole from (
      select 'schema ' || name as name, owner, name as schema from our_schemas
      union all select signature::text, owner, schema from our_functions
      union all select name, owner, schema from our_relations) o
    where owner <> case schema when 'audit' then 'roster_audit_owner' else 'roster_owner' end::regrole$$,
  'the log and its functions belong to roster_audit_owner, everything else to roster_owner');
select is_empty(
  $$select rolname from pg_roles where rolname ~ '^roster_'
      and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolcanlogin <> (rolname = 'roster_authenticator'))$$,
  'only roster_authenticator can log in, and no role of ours is above row-level security');
select is_empty(
  $$select m.member::regrole from pg_auth_members m
    where m.roleid = 'roster_audit_owner'::regrole
      and (coalesce((to_jsonb(m) ->> 'set_option')::boolean, true) or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true))$$,
  'nobody can become the owner of the log');
select set_has(
  $$select split_part(c, '=', 1) from pg_db_role_setting s, unnest(s.setconfig) c where s.setrole = 'roster_authenticator'::regrole and s.setdatabase = 0
      and split_part(c, '=', 2) not in ('0', '')$$,
  $$values ('statement_timeout'), ('lock_timeout'), ('idle_in_transaction_session_timeout')$$,
  'the service''s login has timeouts for statements, locks and idle transactions');

select * from finish();
rollback;
