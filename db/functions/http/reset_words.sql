-- The account is known by the token only; an unknown token gets the words that hold for everybody.
create or replace function http.reset_words(token text) returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (select http.password_words(u.email, u.username, p.first_name, p.last_name)
     from app.password_reset_tokens t join app.users u on u.id = t.user_id left join app.user_profiles p on p.user_id = u.id
     where t.token_hash = private.digest(reset_words.token) and t.used_at is null and t.revoked_at is null),
    http.password_words(null, null, null, null));
end
$$;
comment on function http.reset_words(text) is 'Words that the password set with a mailed token may not resemble.';
revoke all on function http.reset_words(text) from public;
grant execute on function http.reset_words(text) to roster_authenticator;
