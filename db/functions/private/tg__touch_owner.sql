-- A profile and roles are part of what GET /v1/me shows, so their changes are changes of the user.
create or replace function private.tg__touch_owner() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.users u set updated_at = private.now()
  where u.id = coalesce(new.user_id, old.user_id);
  return null;
end
$$;
comment on function private.tg__touch_owner() is 'Moves version and updated_at of the user whose row of another table changed.';
revoke all on function private.tg__touch_owner() from public;
