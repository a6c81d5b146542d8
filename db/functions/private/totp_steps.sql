-- One step either way for clocks that differ and for the time that typing takes (RFC 6238, 5.2). The likeliest first.
create or replace function private.totp_steps() returns bigint[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step bigint := floor(extract(epoch from private.now()) / 30)::bigint;
begin
  return array[v_step, v_step - 1, v_step + 1];
end
$$;
comment on function private.totp_steps() is 'The time steps whose codes are taken now.';
revoke all on function private.totp_steps() from public;
