-- Deploy pgroster:seals to pg

begin;
set local search_path = pg_catalog, pg_temp;
\ir ../join_audit_owner.sql
set local role roster_owner;
\ir ../../schema/120_seals.sql
insert into app.schema_migrations (step) values ('seals');
set local role none;
\ir ../leave_audit_owner.sql
commit;
