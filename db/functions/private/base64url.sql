-- Tokens travel in JSON, headers and links, where + / and = would need escaping.
create or replace function private.base64url(value bytea) returns text
language sql
immutable
strict
parallel safe
as $$
  select pg_catalog.translate(pg_catalog.encode(base64url.value, 'base64'), E'+/=\n', '-_')
$$;
comment on function private.base64url(bytea) is 'Base64 with the URL-safe alphabet and no padding (RFC 4648, 5).';
revoke all on function private.base64url(bytea) from public;
