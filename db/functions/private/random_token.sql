-- The one source of secrets.
create or replace function private.random_token() returns text
language sql
volatile
as $$
  select private.base64url(public.gen_random_bytes(32))
$$;
comment on function private.random_token() is '256 random bits as 43 characters of base64url.';
revoke all on function private.random_token() from public;
