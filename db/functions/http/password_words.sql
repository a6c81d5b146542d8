-- Plain passwords never reach the database, so it tells the service what a new one may not resemble.
create or replace function http.password_words(email text, username text, first_name text, last_name text)
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return array_remove(
    array[
      password_words.email, split_part(password_words.email, '@', 1), password_words.username,
      password_words.first_name, password_words.last_name, (select s.service_name from app.settings s)],
    null);
end
$$;
comment on function http.password_words(text, text, text, text) is 'Words that the password of such a new account may not resemble.';
revoke all on function http.password_words(text, text, text, text) from public;
grant execute on function http.password_words(text, text, text, text) to roster_authenticator;
