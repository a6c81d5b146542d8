-- Deploy pgroster:roles to pg

begin;
set local search_path = pg_catalog, pg_temp;
\ir ../../schema/000_roles.sql
\ir ../leave_audit_owner.sql
commit;
