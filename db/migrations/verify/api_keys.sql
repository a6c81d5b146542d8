-- Verify pgroster:api_keys on pg

begin;
-- The table is there, with row-level security enabled and forced.
select 1 / (count(*) = 1)::integer
from pg_catalog.pg_class
where oid = 'app.api_keys'::regclass and relrowsecurity and relforcerowsecurity;
rollback;
