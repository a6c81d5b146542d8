-- The rules of this house that every object keeps, read from the catalog, so that a new file is held to them as well.
-- What would be wrong in any database is in lints.sql.
-- An assertion that fails prints the offenders.
--
-- How to run, this file and its neighbours: pgTAP in schema public of a migrated database, then as superuser
--   pg_prove -d user_management db/tests/*.sql
-- Each file is one transaction that is rolled back.
begin;
set local search_path = pg_catalog, public;
\ir catalog.psql
select plan(32);

create temp view routes as
  select f.*,
         substring(f.comment from '(?n)^@http[ ]+(\S+)') as method,
         substring(f.comment from '(?n)^@permission[ ]+(\S+)') as permission,
         substring(f.comment from '(?n)^@rate_limit[ ]+(\S+)') as rate_limit
  from our_functions f where f.schema = 'api';

-- Functions

select isnt_empty('select from our_functions', 'the rules look at functions');
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
  $$select k.conrelid::regclass, k.conname from pg_constraint k join our_relations r on r.oid = k.conrelid
    where not r.is_partition and not starts_with(k.conname, r.relname || '_')$$,
  'the name of a constraint starts with the name of its table');
select is_empty(
  $$select t.tgrelid::regclass, t.tgname from pg_trigger t join our_relations r on r.oid = t.tgrelid
    where not t.tgisinternal and (t.tgname !~ '^_[0-9]{3}_[a-z_]+$'
       or (select p.proname from pg_proc p where p.oid = t.tgfoid) !~ '^tg__')$$,
  'triggers are named in their order and call functions tg__…');

-- The audit trigger

create temp table unaudited (name, reason) as values
  ('app.schema_migrations', 'says itself who deployed what when'),
  ('private.clock', 'zero outside of tests; only the owner, who cannot log in, moves it'),
  ('app.rate_limits', 'counters of addresses, written with every request; a limit that is reached is an event'),
  ('app.idempotency_keys', 'answers that are kept for a day; what led to them is recorded where it happened'),
  ('http.deployed', 'says itself when; who may deploy is who may change the functions that record'),
  ('audit.audit_logs', 'the log'),
  ('audit.seals', 'the chain over the log'),
  ('audit.archives', 'says itself who wrote what when; that is an event besides');
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
  $$select a.name from audited a where not exists (
      select from pg_trigger t where t.tgrelid = a.oid and t.tgname = '_000_refuse_truncate'
        and t.tgfoid = 'private.tg__refuse_truncate()'::regprocedure and t.tgtype = 34)$$,
  'and cannot be truncated, which would leave no row');
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

select is_empty(
  $$select c.name from secret_columns c join audited t on t.oid = c.oid
    where c.attname <> all (string_to_array(t.arguments[3], ','))$$,
  'the audit trigger leaves every secret column''s value out');
select is_empty(
  $$select c.name from our_columns c where c.relation like 'audit.%' and c.type in ('bytea'::regtype, 'app.digest'::regtype, 'app.password_hash'::regtype)
      and c.attname !~ '^((values|origin)_salt|(.+_)?digest|checks)$'$$,
  'the audit log has no place for a secret');

-- The service's login

select set_has(
  $$select split_part(c, '=', 1) from pg_db_role_setting s, unnest(s.setconfig) c where s.setrole = 'roster_authenticator'::regrole and s.setdatabase = 0
      and split_part(c, '=', 2) not in ('0', '')$$,
  $$values ('statement_timeout'), ('lock_timeout'), ('idle_in_transaction_session_timeout')$$,
  'the service''s login has timeouts for statements, locks and idle transactions');

select * from finish();
rollback;
