-- The account is known by the token only; an unknown token gets the words that hold for everybody. A second factor goes
-- with the reset of an address that nobody had verified, so there the password has to stand alone.
create or replace function http.reset_rules(token text) returns http.password_rules
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rules http.password_rules;
begin
  select http.password_words(u.email, u.username, p.first_name, p.last_name),
         case when u.is_email_verified and private.has_second_factor(u.id) then 8 end
  into v_rules
  from app.password_reset_tokens t join app.users u on u.id = t.user_id left join app.user_profiles p on p.user_id = u.id
  where t.token_hash = private.digest(reset_rules.token) and t.used_at is null and t.revoked_at is null;
  v_rules.words := coalesce(v_rules.words, http.password_words(null, null, null, null));
  return v_rules;
end
$$;
comment on function http.reset_rules(text) is 'Words that the password set with a mailed token may not resemble, and its least length.';
revoke all on function http.reset_rules(text) from public;
grant execute on function http.reset_rules(text) to roster_authenticator;
