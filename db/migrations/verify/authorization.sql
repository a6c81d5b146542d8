-- Verify pgroster:authorization on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 4)::integer
from pg_catalog.pg_class
where oid in ('app.permissions'::regclass, 'app.roles'::regclass, 'app.role_permissions'::regclass, 'app.user_roles'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
