-- Taking the lock off takes both keys, and a password that can stand alone. An error undoes the use of the code.
create or replace function api.disable_mfa(
  verified_hash app.password_hash default null,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_account app.users;
begin
  if not private.has_second_factor(v_user_id) then
    perform private.fail('no_second_factor');
  elsif private.needs_second_factor(v_user_id) then
    perform private.fail('second_factor_required');
  end if;
  v_user_id := private.reauthenticate(verified_hash, verified_step, disable_mfa.recovery_code);
  select u.* into v_account from app.users u where u.id = v_user_id;
  if v_account.has_short_password then
    perform private.fail('password_too_short_alone');
  elsif v_account.id is not null then
    perform private.remove_second_factor(v_account);
  end if;
end
$$;
comment on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/mfa/disable
@errors reauthentication_failed second_factor_failed no_second_factor second_factor_required code_missing password_too_short_alone
@rate_limit mfa
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Take the signed-in user's second factor away.

Takes the password and the second factor; the owner is told by mail. A password that is long enough only beside it has to
be changed first. Where a second factor is required it stays, and `/v1/me/mfa` puts another in its place. Whoever has lost
both the app and the recovery codes asks an administrator.
$$;
revoke all on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) to roster_user;
