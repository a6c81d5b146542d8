-- A stolen session must end some day: no code path, not even a mistaken one, prolongs it or gives it away.
create or replace function private.tg__refuse_moved_end() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.expires_at > old.expires_at or new.user_id <> old.user_id then
    raise exception using
      errcode = 'UM409',
      message = 'A session''s end and its user never change.',
      detail = 'session_end_fixed',
      hint = 'Sign in again to get a new session.';
  end if;
  return new;
end
$$;
comment on function private.tg__refuse_moved_end() is 'Refuses to move the absolute end of a session or to give it to another user.';
revoke all on function private.tg__refuse_moved_end() from public;
