-- Short enough to type. Bytes above the last multiple of a million are drawn again, so that no code is likelier.
create or replace function private.random_code() returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_number bigint;
begin
  loop
    v_number := ('x' || encode(public.gen_random_bytes(4), 'hex'))::bit(32)::bigint;
    exit when v_number < 4294000000;
  end loop;
  return lpad((v_number % 1000000)::text, 6, '0');
end
$$;
comment on function private.random_code() is 'Six random digits.';
revoke all on function private.random_code() from public;
