-- Deploy pgroster:audit to pg

begin;
set local search_path = pg_catalog, pg_temp;
\ir ../join_audit_owner.sql
set local role roster_owner;
\ir ../../schema/020_audit.sql
insert into app.schema_migrations (step) values ('audit');
set local role none;
\ir ../leave_audit_owner.sql
commit;
