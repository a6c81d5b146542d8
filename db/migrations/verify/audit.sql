-- Verify pgroster:audit on pg

begin;
-- The table is there, with row-level security enabled and forced.
select 1 / (count(*) = 1)::integer
from pg_catalog.pg_class
where oid in ('audit.audit_logs'::regclass)
  and relrowsecurity and relforcerowsecurity;
select 1 / count(*) from pg_catalog.pg_inherits where inhparent = 'audit.audit_logs'::regclass;
rollback;
