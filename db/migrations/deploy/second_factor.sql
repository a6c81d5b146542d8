-- Deploy pgroster:second_factor to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/110_second_factor.sql
insert into app.schema_migrations (step) values ('second_factor');
commit;
