-- Deploy pgroster:api_keys to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/130_api_keys.sql
insert into app.schema_migrations (step) values ('api_keys');
commit;
