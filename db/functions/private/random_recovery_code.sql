-- Crockford's alphabet, which has none of the letters that look like digits; 32 of them, so that every byte is as likely.
create or replace function private.random_recovery_code() returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes bytea := public.gen_random_bytes(25);
begin
  return (
    select string_agg(
      substr('0123456789abcdefghjkmnpqrstvwxyz', get_byte(v_bytes, i) % 32 + 1, 1) || case when i in (4, 9, 14, 19) then '-' else '' end,
      '' order by i)
    from generate_series(0, 24) i);
end
$$;
comment on function private.random_recovery_code() is '125 random bits as 25 letters and digits in five groups.';
revoke all on function private.random_recovery_code() from public;
