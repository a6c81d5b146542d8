-- Deploy pgroster:users to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/030_users.sql
insert into app.schema_migrations (step) values ('users');
commit;
