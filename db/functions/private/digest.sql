-- All secrets that the service hands out are stored like this: 256 random bits need no salt and no slow hash.
-- Stable and returning bytea, since otherwise it would not be inlined (convert_to() is stable).
create or replace function private.digest(secret text) returns bytea
language sql
stable
strict
parallel safe
as $$
  select pg_catalog.sha256(pg_catalog.convert_to(digest.secret, 'UTF8'))
$$;
comment on function private.digest(text) is 'SHA-256 of a secret''s text.';
revoke all on function private.digest(text) from public;
grant execute on function private.digest(text) to roster_anonymous, roster_user, roster_dba;
