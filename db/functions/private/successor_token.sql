-- A retry must get the same successor although no token is stored: it is computed again from what was presented.
create or replace function private.successor_token(token text, salt bytea) returns text
language sql
immutable
strict
as $$
  select private.base64url(pg_catalog.sha256(pg_catalog.convert_to(successor_token.token, 'UTF8') || successor_token.salt))
$$;
comment on function private.successor_token(text, bytea) is 'The refresh token that follows a token: SHA-256 of the token and the salt in its row, as base64url.';
revoke all on function private.successor_token(text, bytea) from public;
