-- Deploy pgroster:authorization to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/040_authorization.sql
insert into app.schema_migrations (step) values ('authorization');
commit;
