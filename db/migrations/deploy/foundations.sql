-- Deploy pgroster:foundations to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/010_foundations.sql
-- The record of the steps begins here, so the step before it is recorded as well.
insert into app.schema_migrations (step) values ('roles'), ('foundations');
commit;
