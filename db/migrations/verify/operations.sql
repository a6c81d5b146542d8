-- Verify pgroster:operations on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 3)::integer
from pg_catalog.pg_class
where oid in ('app.jobs'::regclass, 'app.idempotency_keys'::regclass, 'http.deployed'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
