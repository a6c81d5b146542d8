-- Verify pgroster:consents on pg

begin;
-- The table is there, with row-level security enabled and forced.
select 1 / (count(*) = 1)::integer
from pg_catalog.pg_class
where oid in ('app.consents'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
