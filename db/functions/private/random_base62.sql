-- Bytes above the last multiple of 62 are drawn again, so that no character is likelier.
create or replace function private.random_base62(length integer) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := '';
  v_byte integer;
begin
  while char_length(v_text) < random_base62.length loop
    v_byte := get_byte(public.gen_random_bytes(1), 0);
    v_text := v_text || case when v_byte < 248 then private.base62_digit(v_byte % 62) else '' end;
  end loop;
  return v_text;
end
$$;
comment on function private.random_base62(integer) is 'So many random letters and digits.';
revoke all on function private.random_base62(integer) from public;
