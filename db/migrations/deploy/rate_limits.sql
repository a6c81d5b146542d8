-- Deploy pgroster:rate_limits to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/070_rate_limits.sql
insert into app.schema_migrations (step) values ('rate_limits');
commit;
