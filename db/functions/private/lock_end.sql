create or replace function private.lock_end(times integer) returns timestamptz
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.now() + least(s.lock_duration * power(2, least(lock_end.times - 1, 20)), s.lock_duration_max)
  from app.settings s
$$;
comment on function private.lock_end(integer) is 'Until when the lock lasts that is put on for the so manieth time: each twice as long as the one before, up to a limit.';
revoke all on function private.lock_end(integer) from public;
