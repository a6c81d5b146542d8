-- An address in the one form of its letters that others mean by it as well. Some letters stand for what no address has: ¨ is
-- a space with two dots.
create or replace function private.plain_address(address text) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return normalize(address, NFKC)::app.email;
exception
  when check_violation then
    perform private.fail('email_unacceptable');
end
$$;
comment on function private.plain_address(text) is 'An email address in compatibility form (Unicode NFKC); raises email_unacceptable where that is none.';
revoke all on function private.plain_address(text) from public;
