-- Verify pgroster:consents on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 2)::integer
from pg_catalog.pg_class
where oid in ('app.consents'::regclass, 'app.erasures'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
