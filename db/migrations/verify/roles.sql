-- Verify pgroster:roles on pg

begin;
select 1 / (count(*) = 8)::integer
from pg_catalog.pg_roles
where rolname in ('roster_owner', 'roster_audit_owner', 'roster_anonymous', 'roster_user', 'roster_authenticator',
                  'roster_dba', 'roster_auditor', 'roster_reporting')
  and rolcanlogin = (rolname = 'roster_authenticator')
  and not (rolsuper or rolbypassrls);
select 1 / (count(*) = 7)::integer
from pg_catalog.pg_namespace
where (nspname, nspowner) in (
  ('app', 'roster_owner'::regrole), ('api', 'roster_owner'::regrole), ('admin', 'roster_owner'::regrole),
  ('private', 'roster_owner'::regrole), ('reporting', 'roster_owner'::regrole), ('http', 'roster_owner'::regrole),
  ('audit', 'roster_audit_owner'::regrole));
select 1 / count(*) from pg_catalog.pg_extension where extname = 'pgcrypto';
select 1 / count(*) from pg_catalog.pg_db_role_setting
where setdatabase = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and setrole = 0;
rollback;
