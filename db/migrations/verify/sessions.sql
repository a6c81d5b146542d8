-- Verify pgroster:sessions on pg

begin;
-- Each table is there, with row-level security enabled and forced.
select 1 / (count(*) = 3)::integer
from pg_catalog.pg_class
where oid in ('app.sessions'::regclass, 'app.refresh_tokens'::regclass, 'app.login_sources'::regclass)
  and relrowsecurity and relforcerowsecurity;
select 'private.live_sessions'::regclass, 'private.admins'::regclass;
rollback;
