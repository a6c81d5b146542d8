-- Lets a scanner of source code tell a leaked key from text that looks like one, without asking anybody.
create or replace function private.api_key_checksum(body text) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_number bigint := ('x' || left(encode(sha256(convert_to(api_key_checksum.body, 'UTF8')), 'hex'), 8))::bit(32)::bigint;
  v_text   text := '';
begin
  for i in 1 .. 6 loop
    v_text := private.base62_digit((v_number % 62)::integer) || v_text;
    v_number := v_number / 62;
  end loop;
  return v_text;
end
$$;
comment on function private.api_key_checksum(text) is 'The last six characters of a key: the first 32 bits of the SHA-256 of all before them, in base 62.';
revoke all on function private.api_key_checksum(text) from public;
