-- Verify pgroster:mail on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 4)::integer
from pg_catalog.pg_class
where oid in (
    'app.password_reset_tokens'::regclass, 'app.email_verification_tokens'::regclass,
    'app.phone_verification_codes'::regclass, 'app.outbox'::regclass)
  and relrowsecurity and relforcerowsecurity;
rollback;
