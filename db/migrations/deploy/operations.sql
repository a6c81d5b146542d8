-- Deploy pgroster:operations to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/090_operations.sql
insert into app.schema_migrations (step) values ('operations');
commit;
