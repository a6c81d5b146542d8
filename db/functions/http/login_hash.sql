-- Argon2id runs outside the database, so the service needs the hash; null makes it verify against a dummy, so that
-- an unknown identifier costs the same time as a known one.
create or replace function http.login_hash(identifier text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select u.password_hash from app.users u where u.id = private.find_user(login_hash.identifier));
end
$$;
comment on function http.login_hash(text) is 'Password hash of the living account with that email or username, or null.';
revoke all on function http.login_hash(text) from public;
grant execute on function http.login_hash(text) to roster_authenticator;
