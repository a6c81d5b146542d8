-- Hashes are verified outside the database, so the service needs this one. An unknown identifier gets a decoy in the same
-- time, and costs the service the same time.
create or replace function http.login_hash(identifier text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_decoy text := private.decoy_hash(login_hash.identifier);
begin
  return coalesce((select u.password_hash from app.users u where u.id = private.find_user(login_hash.identifier)), v_decoy);
end
$$;
comment on function http.login_hash(text) is 'Password hash of the living account with that email or username; else one that no password fits, or null.';
revoke all on function http.login_hash(text) from public;
grant execute on function http.login_hash(text) to roster_authenticator;
