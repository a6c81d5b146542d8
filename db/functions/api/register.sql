-- Two people may send the same address at the same moment: the unique index decides, not a look beforehand.
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
  v_user_id    uuid;
  v_constraint text;
begin
  if register.gdpr_consent is not true then
    perform private.fail('consent_required');
  end if;
  insert into app.users (email, username, password_hash, password_changed_at, gdpr_consent_at)
  values (normalize(register.email, NFC), register.username, register.password_hash, private.now(), private.now())
  returning id into v_user_id;
  insert into app.user_profiles (user_id, first_name, last_name, phone, locale)
  values (v_user_id, register.first_name, register.last_name, register.phone, register.locale);
  insert into app.user_roles (user_id, role_id) select v_user_id, r.id from app.roles r where r.name = 'user';
  insert into app.consents (user_id, purpose, is_granted, client_address)
  values (v_user_id, 'data_processing', true, private.request_value('address')::inet);
  perform audit.record_event('account.registered', v_user_id);
  return private.load_user(v_user_id);
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.fail(private.taken_code(v_constraint));
end
$$;
comment on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) is $$
@http POST /v1/auth/register
@status 201
@errors email_taken username_taken consent_required password_unacceptable
@rate_limit register
@hash password into password_hash avoiding http.password_words(email, username)

Create an account.

The account starts as `inactive` until its email address is verified. The password has 15 to 128 characters of any
kind and may not resemble the email address, the username or the name of the service.
$$;
revoke all on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) from public;
grant execute on function api.register(app.email, app.username, app.password_hash, boolean, app.person_name, app.person_name, app.phone, app.locale) to roster_anonymous;
