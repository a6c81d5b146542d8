-- Deploy pgroster:mail to pg

begin;
set local search_path = pg_catalog, pg_temp;
set local role roster_owner;
\ir ../../schema/060_mail.sql
insert into app.schema_migrations (step) values ('mail');
commit;
