-- Verify pgroster:seals on pg

begin;
-- The chain is there, with row-level security enabled and forced, and the log has its order of sealing.
select 1 / (count(*) = 2)::integer
from pg_catalog.pg_class
where oid in ('audit.seals'::regclass, 'audit.archives'::regclass)
  and relrowsecurity and relforcerowsecurity;
select 'audit.sealed_rows'::regclass;
rollback;
