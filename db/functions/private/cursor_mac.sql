-- Bound to the list, so that a position in one is none in another.
create or replace function private.cursor_mac(list text, body bytea) returns bytea
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return substr(public.hmac(convert_to(cursor_mac.list || chr(10), 'UTF8') || body, (select s.cursor_key from private.secrets s), 'sha256'), 1, 16);
end
$$;
comment on function private.cursor_mac(text, bytea) is 'The first 128 bits of the HMAC-SHA-256 of a position in a list.';
revoke all on function private.cursor_mac(text, bytea) from public;
