-- Verify pgroster:second_factor on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 3)::integer
from pg_catalog.pg_class
where oid in ('app.totp_factors'::regclass, 'app.recovery_codes'::regclass, 'app.login_challenges'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
