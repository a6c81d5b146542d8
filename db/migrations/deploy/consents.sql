-- Deploy pgroster:consents to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/080_consents.sql
insert into app.schema_migrations (step) values ('consents');
commit;
