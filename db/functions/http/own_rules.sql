-- For somebody who has an account already. With a second factor beside it a password may be shorter (NIST SP 800-63B-4).
create or replace function http.own_rules() returns http.password_rules
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rules http.password_rules;
begin
  select http.password_words(u.email, u.username, p.first_name, p.last_name), case when private.has_second_factor(u.id) then 8 end
  into v_rules
  from app.users u left join app.user_profiles p on p.user_id = u.id
  where u.id = private.current_user_id();
  return v_rules;
end
$$;
comment on function http.own_rules() is 'Words that a new password of the user of this request may not resemble, and its least length.';
revoke all on function http.own_rules() from public;
grant execute on function http.own_rules() to roster_authenticator;
