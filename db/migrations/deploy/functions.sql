-- Deploy pgroster:functions to pg
-- After a further step this one is planned again (see docs/migrations.md), so its row may be there already.

begin;
\ir ../../functions/apply.sql
set local role roster_owner;
insert into app.schema_migrations (step) values ('functions')
  on conflict on constraint schema_migrations_pkey do update set applied_at = default, applied_by = default;
commit;
