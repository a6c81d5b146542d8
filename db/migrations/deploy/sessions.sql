-- Deploy pgroster:sessions to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/050_sessions.sql
insert into app.schema_migrations (step) values ('sessions');
commit;
