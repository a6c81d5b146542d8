-- What is wrong in any database, whoever made it: each lint finds nothing here but what it is told about with a reason,
-- and finds the one bad object that is made to see whether it can. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
\ir catalog.psql
select plan(108);

-- What a query finds, in order.
create function pg_temp.found(query text) returns text[] language plpgsql as $$
declare
  v_found text[];
begin
  execute format('select array(select distinct offender::text collate "C" from (%s) q (offender) order by 1)', query) into v_found;
  return v_found;
end
$$;

-- What it finds more once something bad was done, which is then undone.
create function pg_temp.caught(query text, bad text) returns text[] language plpgsql as $$
declare
  v_before text[] := pg_temp.found(query);
  v_after  text[];
begin
  begin
    execute bad;
    v_after := pg_temp.found(query);
    raise sqlstate 'UNDO0';
  exception when sqlstate 'UNDO0' then
    return array(select o from unnest(v_after) o where o <> all (v_before) order by 1);
  end;
end
$$;

-- One lint: the rule, the query for what breaks it, something that does and what it is called; and who may, with why.
create function pg_temp.lint(rule text, query text, bad text, offender text, excepted jsonb default '{}')
returns setof text language plpgsql as $$
begin
  return next is(pg_temp.found(query), array(select k collate "C" from jsonb_object_keys(excepted) k order by 1), rule);
  return next is(pg_temp.caught(query, bad), array[offender], format('%s is found, as it breaks the rule that %s', offender, rule));
end
$$;
create function pg_temp.rewritten(body text) returns text language sql
  return 'create function app.bad(n integer) returns integer language sql stable as $f$ ' || body || ' $f$';

-- Tables

select pg_temp.lint('row-level security is enabled and forced on every table and every partition',
  $$select name from our_relations where kind in ('r', 'p') and not (has_rls and forces_rls)$$,
  'create table app.bad (id uuid primary key); alter table app.bad enable row level security', 'app.bad');
select pg_temp.lint('every table has a policy',
  $$select r.name from our_relations r where r.kind in ('r', 'p') and not r.is_partition
      and not exists (select from pg_policy p where p.polrelid = r.oid)$$,
  'create table app.bad (id uuid primary key); alter table app.bad enable row level security', 'app.bad');
select pg_temp.lint('every table has a primary key',
  $$select r.name from our_relations r where r.kind in ('r', 'p')
      and not exists (select from pg_index i where i.indrelid = r.oid and i.indisprimary)$$,
  'create table app.bad (id uuid unique)', 'app.bad');
select pg_temp.lint('only what is worth nothing after a crash is unlogged',
  $$select name from our_relations where persistence <> 'p' and kind in ('r', 'p')$$,
  'create unlogged table app.bad (id uuid primary key)', 'app.bad',
  '{"app.rate_limits": "counters of the last minutes"}');
select pg_temp.lint('a table inherits from another only as its partition',
  $$select i.inhrelid::regclass from pg_inherits i join our_relations r on r.oid = i.inhrelid where r.kind in ('r', 'p') and not r.is_partition$$,
  'create table app.bad () inherits (app.permissions)', 'app.bad');
select pg_temp.lint('no data lies on another server',
  $$select name from our_relations where kind = 'f' union all select s.srvname from pg_foreign_server s$$,
  'create foreign data wrapper bad; create server bad_server foreign data wrapper bad', 'bad_server');
select pg_temp.lint('nothing is published to other servers but by the operator''s own list of tables',
  'select p.pubname from pg_publication p where p.puballtables',
  'create publication bad for all tables', 'bad');
select pg_temp.lint('no rule rewrites a statement on a table',
  $$select r.name || ' ' || w.rulename from pg_rewrite w join our_relations r on r.oid = w.ev_class where w.rulename <> '_RETURN'$$,
  'create rule bad as on delete to app.permissions do instead nothing', 'app.permissions bad');
select pg_temp.lint('every trigger is enabled',
  $$select r.name || ' ' || t.tgname from pg_trigger t join our_relations r on r.oid = t.tgrelid where t.tgenabled not in ('O', 'A')$$,
  'alter table app.users disable trigger _900_record_change', 'app.users _900_record_change');

-- Columns and types

select pg_temp.lint('columns are timestamptz, text, jsonb and numeric, not their lesser relatives',
  $$select c.name from our_columns c where c.kind in ('r', 'p')
      and c.type in ('timestamp'::regtype, 'timetz'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype, 'money'::regtype, '"char"'::regtype)$$,
  'create table app.bad (at timestamp)', 'app.bad.at');
select pg_temp.lint('no column refers to an object by its number, which a dump or an upgrade does not keep',
  $$select c.name from our_columns c where c.kind in ('r', 'p') and c.type in (
      'oid'::regtype, 'xid'::regtype, 'tid'::regtype, 'regclass'::regtype, 'regproc'::regtype, 'regprocedure'::regtype, 'regoper'::regtype, 'regoperator'::regtype,
      'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype, 'regcollation'::regtype, 'regrole'::regtype, 'regtype'::regtype)$$,
  'create table app.bad (of_function regprocedure)', 'app.bad.of_function');
select pg_temp.lint('a number that counts up is an identity of 64 bits, neither serial nor smaller',
  $$select c.name from our_columns c join pg_attrdef d on d.adrelid = c.oid and d.adnum = c.attnum
    where not c.is_partition and pg_get_expr(d.adbin, d.adrelid) ~ 'nextval'
    union all
    select c.name from our_columns c join pg_attribute a on a.attrelid = c.oid and a.attnum = c.attnum where a.attidentity <> '' and a.atttypid <> 'bigint'::regtype$$,
  'create table app.bad (id bigserial)', 'app.bad.id',
  '{"audit.audit_logs.id": "partitions of PostgreSQL 15 and 16 cannot share an identity"}');
select pg_temp.lint('what is true or false is never unknown',
  $$select c.name from our_columns c where c.kind in ('r', 'p') and c.type = 'boolean'::regtype and not c.is_not_null$$,
  'create table app.bad (is_good boolean)', 'app.bad.is_good');
select pg_temp.lint('a domain leaves null to the columns, since an outer join makes nulls of any type',
  $$select t.oid::regtype from pg_type t join our_schemas s on s.oid = t.typnamespace where t.typtype = 'd' and t.typnotnull$$,
  'create domain app.bad as text not null', 'app.bad');
select pg_temp.lint('every constraint has been validated',
  $$select coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text) || ' ' || k.conname from pg_constraint k
    join our_schemas s on s.oid = k.connamespace where not k.convalidated$$,
  'alter table app.users add constraint bad check (version > 0) not valid', 'app.users bad');

-- Indexes

select pg_temp.lint('every foreign key has an index',
  $$select r.name || ' ' || k.conname from pg_constraint k join our_relations r on r.oid = k.conrelid
    where k.contype = 'f' and not exists (
      select from pg_index i where i.indrelid = k.conrelid and i.indisvalid
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)',
               (select a.attname from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]))))$$,
  'create table app.bad (user_id uuid constraint bad_user_id_fkey references app.users); create index on app.bad (user_id) where user_id is null',
  'app.bad bad_user_id_fkey');
select pg_temp.lint('a foreign key has the type of what it refers to',
  $$select r.name || ' ' || k.conname from pg_constraint k join our_relations r on r.oid = k.conrelid, unnest(k.conkey, k.confkey) c (here, there)
    join pg_attribute h on h.attnum = c.here join pg_attribute t on t.attnum = c.there
    where k.contype = 'f' and h.attrelid = k.conrelid and t.attrelid = k.confrelid and h.atttypid <> t.atttypid$$,
  'create table app.parent (id bigint primary key); create table app.bad (id integer constraint bad_id_fkey references app.parent)',
  'app.bad bad_id_fkey');
select pg_temp.lint('no index says what another one says already',
  $$select a.indexrelid::regclass from pg_index a join our_relations r on r.oid = a.indrelid
    join pg_index b on b.indrelid = a.indrelid and b.indexrelid <> a.indexrelid
    join pg_class ca on ca.oid = a.indexrelid join pg_class cb on cb.oid = b.indexrelid and cb.relam = ca.relam,
    -- How much of the other one has to be the same: its beginning where the order of columns counts, else all of it.
    lateral (select case when ca.relam = (select m.oid from pg_am m where m.amname = 'btree') then a.indnkeyatts else b.indnkeyatts end - 1 as last) n
    where a.indexprs is null and b.indexprs is null and a.indnatts = a.indnkeyatts
      and pg_get_expr(a.indpred, a.indrelid) is not distinct from pg_get_expr(b.indpred, b.indrelid)
      and (a.indkey::int2[])[0:n.last] = (b.indkey::int2[])[0:n.last] and (a.indclass::oid[])[0:n.last] = (b.indclass::oid[])[0:n.last]
      and (a.indcollation::oid[])[0:n.last] = (b.indcollation::oid[])[0:n.last] and (a.indoption::int2[])[0:n.last] = (b.indoption::int2[])[0:n.last]
      -- A unique index is needed for what it forbids, unless the other forbids the same; of two that are alike the older stays.
      and (not a.indisunique or b.indisunique and a.indnkeyatts = b.indnkeyatts)
      and (a.indnkeyatts < b.indnkeyatts or b.indisunique and not a.indisunique or a.indexrelid > b.indexrelid)$$,
  'create index bad on app.users (id)', 'app.bad');
select pg_temp.lint('every index is whole',
  $$select r.name from our_relations r join pg_index i on i.indexrelid = r.oid where not (i.indisvalid and i.indisready and i.indislive)$$,
  'create index bad on only audit.audit_logs (action)', 'audit.bad');

-- Policies

select pg_temp.lint('no policy is for PUBLIC',
  $$select r.name || ' ' || p.polname from pg_policy p join our_relations r on r.oid = p.polrelid where 0 = any (p.polroles)$$,
  'create policy bad on app.users using (false)', 'app.users bad');
select pg_temp.lint('a policy calls functions once a statement, in a sub-select, not once a row',
  $$select r.name || ' ' || p.polname from pg_policy p join our_relations r on r.oid = p.polrelid,
      unnest(array[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)]) e (expression)
    where regexp_replace(expression, 'SELECT [a-z_.]+\(', '', 'g') ~ '[a-z_]\('$$,
  'create policy bad on app.users to roster_user using (id = private.current_user_id())', 'app.users bad');
select pg_temp.lint('a policy asks who it is, never a setting that anybody can set nor data that a person can write',
  $$select r.name || ' ' || p.polname from pg_policy p join our_relations r on r.oid = p.polrelid
    where concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ~ 'current_setting|metadata'$$,
  'create policy bad on app.users to roster_user using (id = (select current_setting(''request.user'')::uuid))', 'app.users bad');
select pg_temp.lint('one policy says which rows a role may read or write, unless two are meant',
  $$select r.name || ' ' || pg_get_userbyid(role) || ' ' || command
    from pg_policy p join our_relations r on r.oid = p.polrelid, unnest(p.polroles) role,
      unnest(case p.polcmd when '*' then '{r,a,w,d}' else array[p.polcmd]::text[] end) command
    where p.polpermissive group by 1, r.name, role, command having count(*) > 1$$,
  'create policy bad on app.jobs for select to roster_dba using (is_enabled)', 'app.jobs roster_dba r',
  '{"app.users roster_user r": "one''s own, and all for who holds users:read",
    "app.user_profiles roster_user r": "one''s own, and all for who holds users:read",
    "app.user_roles roster_user r": "one''s own, and all for who holds users:read",
    "app.sessions roster_user r": "one''s own, and all for who holds sessions:manage",
    "app.totp_factors roster_user r": "one''s own, and all for who holds users:read",
    "app.api_keys roster_user r": "one''s own, and all for who holds api_keys:manage"}');
select pg_temp.lint('a policy that lets somebody write looks at the row or at who it is, but for owners',
  $$select r.name || ' ' || p.polname from pg_policy p join our_relations r on r.oid = p.polrelid
    where p.polcmd <> 'r' and p.polroles <> array[r.owner]
      and coalesce(p.polwithcheck, p.polqual)::text !~ '\{(VAR|SUBLINK) '$$,
  'create policy bad on app.users for update to roster_user using (id is not null) with check (1 = 1)', 'app.users bad',
  '{"app.settings settings_dba": "operators change settings, within the table''s limits and on record",
    "app.rate_limit_policies rate_limit_policies_dba": "operators change limits, within the table''s limits and on record",
    "app.roles roles_dba": "operators say of which roles a second factor is required; the column is granted alone",
    "app.jobs jobs_dba": "operators change when a job runs; the columns are granted one by one"}');

-- Views

select pg_temp.lint('every view is a security barrier',
  $$select name from our_relations where kind = 'v' and options::text !~ 'security_barrier' is not false$$,
  'create view app.bad with (security_invoker) as select 1 as n', 'app.bad',
  '{"reporting.v_audit_events": "hides no row; filters and orders have to reach the indexes",
    "reporting.v_users_complete": "hides no row; filters and orders have to reach the indexes"}');
select pg_temp.lint('a view has its caller''s rights',
  $$select name from our_relations where kind = 'v' and not coalesce(options::text ~ 'security_invoker(=true)?[,}]', false)$$,
  'create view app.bad with (security_barrier) as select u.id from app.users u', 'app.bad',
  '{"private.live_sessions": "policies look up identity through it; granted to nobody",
    "private.live_api_keys": "the same for API keys; granted to nobody",
    "private.admins": "counts administrators, whoever asks; granted to nobody",
    "reporting.v_audit_events": "the reading role has no right on the log behind it",
    "reporting.v_users_complete": "the reading role has no right on the tables behind it"}');
select pg_temp.lint('nobody reads a materialized view, which has no policies',
  $$select r.name || ' ' || p.rolname from our_relations r, pg_roles p
    where r.kind = 'm' and p.rolname ~ '^roster_' and p.oid <> r.owner and has_any_column_privilege(p.oid, r.oid, 'select')$$,
  'create materialized view app.bad as select 1 as n; grant select on app.bad to roster_authenticator', 'app.bad roster_authenticator',
  '{"reporting.v_active_users_summary roster_reporting": "figures about nobody in particular",
    "reporting.v_active_users_summary roster_dba": "as a member of roster_reporting"}');

-- Functions

select pg_temp.lint('every function that is PL/pgSQL, has its owner''s rights or a setting pins search_path to pg_catalog, pg_temp and sets nothing else',
  $$select signature from our_functions where (language <> 'sql' or is_definer or config is not null)
      and config is distinct from array['search_path=pg_catalog, pg_temp']$$,
  'create function app.bad() returns void language plpgsql security definer set search_path = app as ''begin end''', 'app.bad()');
select pg_temp.lint('a function without a pinned search_path qualifies every function that it calls',
  $$select f.signature from our_functions f,
      regexp_matches(f.code, '(?<![.a-z0-9_"])([a-z_][a-z0-9_]*)\s*\(', 'gi') m
    where f.language = 'sql' and f.config is null
      and m[1] not in ('coalesce', 'nullif', 'greatest', 'least', 'extract', 'values', 'array', 'in', 'exists', 'any', 'all',
                       'case', 'when', 'then', 'else', 'and', 'or', 'not', 'select', 'from', 'where', 'as', 'lateral')$$,
  pg_temp.rewritten('select abs(n)'), 'app.bad(integer)');
select pg_temp.lint('a function without a pinned search_path qualifies every type that it names',
  $$select f.signature from our_functions f, regexp_matches(f.code, '::\s*([a-z_][a-z0-9_.]*)', 'gi') m
    where f.language = 'sql' and f.config is null
      and m[1] !~ '\.' and m[1] not in ('bigint', 'integer', 'smallint', 'boolean', 'interval', 'numeric', 'text')$$,
  pg_temp.rewritten('select n::int4'), 'app.bad(integer)');
select pg_temp.lint('a function without a pinned search_path qualifies every table that it reads',
  $$select f.signature from our_functions f, regexp_matches(f.code, '\m(?:from|join)\s+([a-z_][a-z0-9_.]*)', 'gi') m
    where f.language = 'sql' and f.config is null and m[1] !~ '\.' and m[1] <> 'lateral' and f.code !~ 'extract\(epoch from'$$,
  pg_temp.rewritten('select n from pg_class limit 1'), 'app.bad(integer)');
select pg_temp.lint('a function without a pinned search_path is one statement',
  $$select signature from our_functions where language = 'sql' and config is null and rtrim(code, E' \n;') ~ ';'$$,
  pg_temp.rewritten('select 1; select n'), 'app.bad(integer)');
select pg_temp.lint('functions are SQL or PL/pgSQL',
  $$select signature from our_functions where language not in ('sql', 'plpgsql')$$,
  'create function app.bad(double precision) returns double precision language internal as ''dsin''', 'app.bad(double precision)');
select pg_temp.lint('no language is installed that could reach the server''s files',
  $$select l.lanname from pg_language l where not l.lanpltrusted and l.lanname not in ('internal', 'c')$$,
  'create language bad handler plpgsql_call_handler', 'bad');
select pg_temp.lint('the rights of its owner are nobody''s who can log in or is above row-level security',
  $$select f.signature from our_functions f join pg_roles r on r.oid = f.owner
    where f.is_definer and (r.rolcanlogin or r.rolsuper or r.rolbypassrls)$$,
  'create function app.bad() returns void language sql security definer as ''''', 'app.bad()');
select pg_temp.lint('a request calls functions with their owner''s rights in schema api only',
  $$select f.schema || '.' || f.name || ' ' || r.rolname from our_functions f, pg_roles r
    where f.is_definer and f.schema <> 'api' and r.rolname in ('roster_anonymous', 'roster_user') and has_function_privilege(r.oid, f.oid, 'execute')$$,
  'grant execute on function private.keyed_digest(text) to roster_user', 'private.keyed_digest roster_user',
  '{"private.authorize roster_user": "only ever refuses",
    "private.current_session_id roster_user": "policies: who one is, known by a secret",
    "private.current_user_id roster_user": "policies: who one is, known by a secret",
    "private.fail roster_anonymous": "only raises",
    "private.fail roster_user": "only raises",
    "private.has_permission roster_user": "policies: what one may",
    "private.lock_own_account roster_user": "one''s own account, for the length of a transaction",
    "private.make_cursor roster_user": "signs where a list goes on; says nothing of the key",
    "private.needs_second_factor roster_user": "whether the operator''s rule applies to an account, which the settings do not tell a request",
    "private.read_cursor roster_user": "checks what make_cursor signed",
    "private.now roster_anonymous": "the time",
    "private.now roster_user": "the time",
    "private.refuse roster_anonymous": "only refuses",
    "private.refuse roster_user": "only refuses",
    "private.show_second_factor roster_user": "one''s own second factor; a wrong code is counted"}');
select pg_temp.lint('a function composes SQL only where the tables are not known beforehand',
  $$select schema || '.' || name from our_functions where code ~* '\mexecute\M'$$,
  $$create function app.bad(t text) returns void language plpgsql set search_path = pg_catalog, pg_temp as 'begin execute t; end'$$, 'app.bad',
  '{"admin.use_pg_cron": "calls an extension that most servers do not have",
    "audit.create_partitions": "names partitions by their month",
    "audit.drop_partition": "the same",
    "audit.find_events": "leaves out what was not asked, so that an index serves; values are bound",
    "private.delete_some": "cleans up any table",
    "audit.estimate_events": "explains the query of a list",
    "private.estimate_users": "explains the query of a list",
    "private.few_users": "asks one filter after the other",
    "private.find_users": "leaves out what was not asked, so that an index serves; values are bound",
    "private.personal_data": "reads every table that refers to a person",
    "private.remove_personal_rows": "empties every table that refers to a person",
    "private.run_job": "calls the function of schema admin that a job names"}');
select pg_temp.lint('a function sets nothing beyond its transaction, where the next request would find it',
  $$select signature from our_functions where regexp_replace(source, '--[^\n]*', '', 'g') ~ 'set_config\([^;]*,\s*false\s*\)'
      or code ~* '(?n)^\s*(set\s+(session|role)|reset)\s'$$,
  $$create function app.bad() returns void language plpgsql as 'begin perform set_config(''request.session'', ''x'', false); end'$$, 'app.bad()',
  '{"admin.act_as(text)": "an operator in psql acts as somebody for longer than a statement"}');

-- Rights

select pg_temp.lint('nobody executes one of our functions for being PUBLIC',
  $$select f.signature from our_functions f, aclexplode(f.acl) a where a.grantee = 0$$,
  'create function app.bad() returns void language sql as ''''', 'app.bad()');
select pg_temp.lint('PUBLIC has nothing on a table, a view, a sequence or a column',
  $$select r.name from our_relations r, aclexplode(r.acl) a where a.grantee = 0
    union all select c.name from our_columns c, aclexplode(c.attacl) a where a.grantee = 0$$,
  'grant select (email) on app.users to public', 'app.users.email');
select pg_temp.lint('PUBLIC has nothing on a schema, and creates nothing in schema public',
  $$select s.name from our_schemas s, aclexplode(s.acl) a where a.grantee = 0
    union all select n.nspname from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'public' and a.grantee = 0 and a.privilege_type = 'CREATE'$$,
  'grant create on schema public to public', 'public');
select pg_temp.lint('no role but the owner can read or write a secret column',
  $$select c.name || ' ' || r.rolname from secret_columns c, pg_roles r
    where r.rolname ~ '^roster_' and r.rolname <> 'roster_owner'
      and has_column_privilege(r.oid, c.oid, c.attnum, 'select, insert, update, references')$$,
  'grant select (password_hash) on app.users to roster_authenticator', 'app.users.password_hash roster_authenticator');
select pg_temp.lint('the log and its functions belong to roster_audit_owner, everything else to roster_owner',
  $$select name from (
      select 'schema ' || name as name, owner, name as schema from our_schemas
      union all select signature::text, owner, schema from our_functions
      union all select name, owner, schema from our_relations
      union all select t.oid::regtype::text, t.typowner, s.name from pg_type t join our_schemas s on s.oid = t.typnamespace where t.typtype in ('d', 'e', 'r')) o
    where owner <> case schema when 'audit' then 'roster_audit_owner' else 'roster_owner' end::regrole$$,
  'create domain app.bad as text check (value > '''')', 'app.bad');
select pg_temp.lint('only roster_authenticator can log in, and no role of ours is above row-level security',
  $$select rolname from pg_roles where rolname ~ '^roster_'
      and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolcanlogin <> (rolname = 'roster_authenticator'))$$,
  'alter role roster_dba bypassrls', 'roster_dba');
select pg_temp.lint('nobody can become the owner of the log',
  $$select m.member::regrole from pg_auth_members m
    where m.roleid = 'roster_audit_owner'::regrole
      and (coalesce((to_jsonb(m) ->> 'set_option')::boolean, true) or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true))$$,
  'grant roster_audit_owner to roster_dba', 'roster_dba');
select pg_temp.lint('no role of ours may change a setting that only superusers change',
  $$select p.parname || ' ' || r.rolname from pg_parameter_acl p, aclexplode(p.paracl) a join pg_roles r on r.oid = a.grantee where r.rolname ~ '^roster_'$$,
  'grant set on parameter log_statement to roster_user', 'log_statement roster_user');

-- Extensions

select pg_temp.lint('no extension fills schema public',
  $$select e.extname from pg_extension e where e.extnamespace = 'public'::regnamespace and e.extname <> 'pgtap'$$,
  'create extension pg_trgm schema public', 'pg_trgm',
  '{"pgcrypto": "where an operator or a provider has put it; nobody but owners creates anything beside it"}');
select pg_temp.lint('every extension is as new as the server has it',
  $$select e.extname from pg_extension e join pg_available_extensions a on a.name = e.extname where a.default_version <> e.extversion$$,
  'update pg_extension set extversion = ''0.1'' where extname = ''pgcrypto''', 'pgcrypto');

-- Comments

select pg_temp.lint('every schema and every role has a comment',
  $$select s.name from our_schemas s where coalesce(obj_description(s.oid, 'pg_namespace'), '') = ''
    union all select r.rolname from pg_roles r where r.rolname ~ '^roster_' and coalesce(shobj_description(r.oid, 'pg_authid'), '') = ''$$,
  'create role roster_bad', 'roster_bad');
select pg_temp.lint('every table, view and composite type has a comment',
  $$select name from our_relations where kind in ('r', 'p', 'v', 'm', 'c') and coalesce(
      obj_description(oid, 'pg_class'), obj_description((select t.oid from pg_type t where t.typrelid = our_relations.oid), 'pg_type'), '') = ''$$,
  'create type api.bad as (n integer)', 'api.bad');
select pg_temp.lint('every column of a table or a view and every attribute of a type has a comment',
  $$select name from our_columns where kind in ('r', 'p', 'v', 'm', 'c') and not is_partition and coalesce(comment, '') = ''$$,
  'create type api.bad as (n integer)', 'api.bad.n');
select pg_temp.lint('every domain has a comment',
  $$select t.oid::regtype from pg_type t join our_schemas s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r') and coalesce(obj_description(t.oid, 'pg_type'), '') = ''$$,
  'create domain app.bad as text', 'app.bad');
select pg_temp.lint('every function has a comment',
  $$select signature from our_functions where coalesce(comment, '') = ''$$,
  pg_temp.rewritten('select n'), 'app.bad(integer)');
select pg_temp.lint('every index says which query it serves, but those of tables with one row',
  $$select r.name from our_relations r join pg_index i on i.indexrelid = r.oid
    where not r.is_partition and coalesce(obj_description(r.oid, 'pg_class'), '') = ''
      and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'is_only')$$,
  'create index bad on app.users (created_at)', 'app.bad',
  '{"app.schema_migrations_pkey": "made by the migration tools"}');

select * from finish();
rollback;
