-- For tables whose rows say when they last changed; users have a version as well, see tg__touch_user().
create or replace function private.tg__touch() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := private.now();
  return new;
end
$$;
comment on function private.tg__touch() is 'Moves updated_at of the changed row.';
revoke all on function private.tg__touch() from public;
