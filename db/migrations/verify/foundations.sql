-- Verify pgroster:foundations on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 4)::integer
from pg_catalog.pg_class
where oid in ('app.schema_migrations'::regclass, 'app.settings'::regclass, 'private.clock'::regclass, 'private.secrets'::regclass)
  and relrowsecurity and relforcerowsecurity;
select 'app.email'::regtype, 'app.username'::regtype, 'app.password_hash'::regtype, 'app.digest'::regtype;
select 1 / (private.now() is not null)::integer;
rollback;
