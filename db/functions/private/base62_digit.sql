-- Letters and digits only: a double click selects the whole key, and no encoding touches it.
create or replace function private.base62_digit(value integer) returns text
language sql
immutable
as $$
  select pg_catalog.substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', base62_digit.value + 1, 1)
$$;
comment on function private.base62_digit(integer) is 'The digit of base 62 for a number from 0 to 61.';
revoke all on function private.base62_digit(integer) from public;
