-- Verify pgroster:functions on pg

begin;
-- The functions are those of one apply.sql, and schema api has routes.
set local role roster_owner;
select 1 / count(*) from http.deployed where functions_digest is not null;
select 1 / count(*) from pg_catalog.pg_proc where pronamespace = 'api'::regnamespace;
rollback;
