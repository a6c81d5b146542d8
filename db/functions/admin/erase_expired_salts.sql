-- Once the grace window has passed, nothing may lead from an old refresh token to its successor.
create or replace function admin.erase_expired_salts() returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz := private.now() - (select c.refresh_retry_grace from app.settings c);
  v_erased integer;
begin
  update app.refresh_tokens t set successor_salt = null
  where t.id in (
    select s.id from app.refresh_tokens s
    where s.successor_salt is not null
      and s.used_at < v_before
    for update skip locked);
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;
comment on function admin.erase_expired_salts() is 'Erases the salts of used refresh tokens whose retry window has passed; returns how many.';
revoke all on function admin.erase_expired_salts() from public;
grant execute on function admin.erase_expired_salts() to roster_dba;
