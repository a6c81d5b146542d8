-- With public registration a taken address is named; with private registration nobody learns who has an account.
create or replace function api.register(
  email app.email,
  username app.username,
  password_hash app.password_hash,
  gdpr_consent boolean,
  first_name app.person_name default null,
  last_name app.person_name default null,
  phone app.phone default null,
  locale app.locale default 'en')
returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  if register.gdpr_consent is not true then
    perform private.fail('consent_required');
  end if;
  if (select s.registration = 'private' from app.settings s) then
    return private.register_privately(
      register.email, register.username, register.password_hash, register.first_name, register.last_name, register.phone, register.locale);
  end if;
  v_account := private.create_account(
    register.email, register.username, register.password_hash, register.first_name, register.last_name, register.phone, register.locale);
  perform private.welcome(v_account);
  return private.load_user(v_account.id);
end
$$;
comment on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) is $$
@http POST /v1/auth/register
@status 201 202
@errors email_taken username_taken email_unacceptable consent_required password_unacceptable
@rate_limit register
@hash password into password_hash avoiding http.password_words(email, username, first_name, last_name)

Create an account.

The account starts as `inactive` until its email address is verified. The password has 15 to 128 characters of any
kind and may not resemble the email address, the username, the person's name or that of the service. Where registration
is private, the answer is always 202 without a body.
$$;
revoke all on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) from public;
grant execute on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) to roster_anonymous;
