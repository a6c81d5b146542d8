-- The same for somebody who has an account already.
create or replace function http.own_words() returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select http.password_words(u.email, u.username, p.first_name, p.last_name)
    from app.users u left join app.user_profiles p on p.user_id = u.id
    where u.id = private.current_user_id());
end
$$;
comment on function http.own_words() is 'Words that a new password of the user of this request may not resemble.';
revoke all on function http.own_words() from public;
grant execute on function http.own_words() to roster_authenticator;
