-- The version is the ETag: it grows with what a reader can see, not with the bookkeeping of logins.
create or replace function private.tg__touch_user() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Generated columns are not computed yet before an update; the others are bookkeeping.
  c_unseen constant text[] := array[
    'email_key', 'username_key', 'failed_login_attempts', 'locked_until', 'last_login_at', 'password_hash',
    'has_short_password'];
begin
  if (to_jsonb(new) - c_unseen) is distinct from (to_jsonb(old) - c_unseen) then
    new.version := old.version + 1;
    new.updated_at := private.now();
  end if;
  return new;
end
$$;
comment on function private.tg__touch_user() is 'Keeps version and updated_at of app.users.';
revoke all on function private.tg__touch_user() from public;
