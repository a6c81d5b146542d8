-- People sign in with either; a username cannot contain an @, so the two never mean different accounts.
create or replace function private.find_user(identifier text) returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if position('@' in find_user.identifier) > 0 then
    return (select u.id from app.users u where u.email_key = private.fold(find_user.identifier) and u.deleted_at is null);
  end if;
  return (select u.id from app.users u where u.username_key = private.fold(find_user.identifier) and u.deleted_at is null);
end
$$;
comment on function private.find_user(text) is 'Id of the living account with that email or username, or null.';
revoke all on function private.find_user(text) from public;
