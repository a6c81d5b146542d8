-- The service has verified the password against a hash that it fetched a moment ago. Here it counts only if that
-- is still the current one, and the account may sign in, both under the row's lock. Nothing raises: a failure must be kept.
-- The same holds for the hash that replaces an outdated one: a password that has been changed meanwhile stays.
create or replace function api.login(
  identifier app.identifier,
  verified_hash app.password_hash default null,
  device_name app.device_name default null,
  upgraded_hash app.password_hash default null)
returns api.session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user   app.users;
  v_reason text;
begin
  v_user := private.lock_account(login.identifier);
  v_reason := private.login_obstacle(v_user, login.verified_hash);
  if v_reason is not null then
    perform private.record_failed_login(v_user, v_reason);
    perform private.refuse('invalid_credentials');
    return null;
  end if;
  if login.upgraded_hash is not null then
    update app.users u set password_hash = login.upgraded_hash where u.id = v_user.id;
    perform audit.record_event('password.rehashed', v_user.id);
  end if;
  if private.has_second_factor(v_user.id) then
    perform private.ask_second_factor(v_user.id, login.device_name);
    return null;
  end if;
  return private.sign_in(v_user.id, login.device_name, '{pwd}');
end
$$;
comment on function api.login(app.identifier, app.password_hash, app.device_name, app.password_hash) is $$
@http POST /v1/auth/login
@errors invalid_credentials mfa_required
@rate_limit login
@verify password into verified_hash upgrading upgraded_hash using http.login_hash(identifier)

Sign in with email or username.

Unknown, wrong, locked, suspended and deleted all get the same answer in the same time. After ten failures from one source the
account is locked for that source for fifteen minutes, and twice as long each further time; after a hundred from
wherever, for every source that nobody has signed in from.

Where the account has a second factor, the right password gets `mfa_required` with a challenge, which `/v1/auth/mfa` exchanges
for the session.
$$;
revoke all on function api.login(app.identifier, app.password_hash, app.device_name, app.password_hash) from public;
grant execute on function api.login(app.identifier, app.password_hash, app.device_name, app.password_hash) to roster_anonymous;
