-- Who may do what starts here: the roles, the schemas and what nobody gets by default.
-- Runs as the migrating login (a superuser, or an owner of the database with CREATEROLE);
-- everything after this step is created by roster_owner, who cannot log in.

-- Roles belong to the whole cluster, so another database of it may have made them already.
do $$
declare
  v_role record;
begin
  for v_role in
    select * from (values
      ('roster_owner',         'nologin',           'pgroster: owns every object except the audit log; never logs in'),
      ('roster_audit_owner',   'nologin',           'pgroster: owns the audit log; has no members and never logs in'),
      ('roster_anonymous',     'nologin',           'pgroster: the role of a request without a session'),
      ('roster_user',          'nologin',           'pgroster: the role of a request with a live session'),
      ('roster_authenticator', 'login noinherit',   'pgroster: what the HTTP service logs in as; becomes roster_anonymous or roster_user for each request'),
      ('roster_dba',           'nologin',           'pgroster: granted to the people who operate the service in psql'),
      ('roster_auditor',       'nologin',           'pgroster: granted to people who read the audit log'),
      ('roster_reporting',     'nologin',           'pgroster: granted to reporting tools; reads the views of schema reporting')
    ) as r (name, attributes, comment)
  loop
    if not exists (select from pg_catalog.pg_roles p where p.rolname = v_role.name) then
      execute format('create role %I %s', v_role.name, v_role.attributes);
    end if;
    execute format('comment on role %I is %L', v_role.name, v_role.comment);
  end loop;
end
$$;

-- A login without superuser rights has to be a member to create objects as the owners;
-- the membership in roster_audit_owner ends with the transaction that needs it.
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute format('grant roster_owner, roster_audit_owner to %I', current_user);
  end if;
end
$$;

grant roster_anonymous, roster_user to roster_authenticator;
grant roster_anonymous, roster_user, roster_auditor, roster_reporting to roster_dba;

-- A hung request or a forgotten transaction may not hold locks for long.
alter role roster_authenticator set statement_timeout = '10s';
alter role roster_authenticator set lock_timeout = '5s';
alter role roster_authenticator set idle_in_transaction_session_timeout = '10s';
alter role roster_authenticator set default_transaction_isolation = 'read committed';

-- Before anything exists: no function is executable by everybody.
alter default privileges for role roster_owner revoke execute on functions from public;
alter default privileges for role roster_audit_owner revoke execute on functions from public;

create schema app authorization roster_owner;
create schema api authorization roster_owner;
create schema admin authorization roster_owner;
create schema private authorization roster_owner;
create schema reporting authorization roster_owner;
create schema http authorization roster_owner;
create schema audit authorization roster_audit_owner;

comment on schema app is 'Tables, domains, policies and triggers. Request roles see them through row-level security only.';
comment on schema api is 'One function for each HTTP operation, and the types that they return. `\df+ api.*` is the manual.';
comment on schema admin is 'What operators call in psql.';
comment on schema private is 'Helpers of policies, triggers and functions.';
comment on schema reporting is 'Views for reporting tools: stable names, no secrets.';
comment on schema http is 'The seam to the HTTP service: the routes in the catalog, and enter(), which every request passes.';
comment on schema audit is 'The append-only audit log.';

grant usage on schema app, private to roster_anonymous, roster_user, roster_auditor, roster_audit_owner, roster_reporting, roster_dba;
grant usage on schema app to roster_authenticator;
grant usage on schema api to roster_anonymous, roster_user, roster_dba, roster_authenticator;
grant usage on schema admin to roster_dba, roster_auditor, roster_authenticator;
grant usage on schema http to roster_authenticator, roster_dba;
grant usage on schema reporting to roster_reporting, roster_dba;
grant usage on schema audit to roster_owner, roster_auditor, roster_user, roster_dba;

-- A new function of schema api needs no grant to the service: its callers are the request roles' grants,
-- and http.enter() checks those.
alter default privileges for role roster_owner in schema api grant execute on functions to roster_authenticator;

create extension if not exists pgcrypto with schema public;

-- What the server writes into its log: bound parameters are passwords' hashes and tokens, and an error's detail quotes
-- the row that failed. Where the login that migrates may not say so, the server's configuration has to; `pgroster doctor`
-- looks at what holds.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select * from (values ('log_parameter_max_length', '0'), ('log_error_verbosity', 'terse')) as s (name, value)
    where has_parameter_privilege(current_user, s.name, 'set')
  loop
    execute format('alter database %I set %I = %L', current_database(), v_setting.name, v_setting.value);
  end loop;
  execute format('alter database %I set log_parameter_max_length_on_error = 0', current_database());
end
$$;

-- Lets the short names of tables and functions work in psql.
do $$
begin
  execute format(
    'alter database %I set search_path = app, api, admin, audit, reporting, public',
    current_database());
end
$$;
