-- For routes that ask the signed-in person for the password again.
create or replace function http.own_hash() returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select u.password_hash from app.users u where u.id = private.current_user_id());
end
$$;
comment on function http.own_hash() is 'Password hash of the user of this request, or null.';
revoke all on function http.own_hash() from public;
grant execute on function http.own_hash() to roster_authenticator;
