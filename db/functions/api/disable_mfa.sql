-- Taking the lock off takes both keys.
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
  v_user_id uuid := private.reauthenticate_twice(verified_hash, verified_step, disable_mfa.recovery_code);
  v_account app.users;
begin
  select u.* into v_account from app.users u where u.id = v_user_id;
  if v_account.id is not null then
    perform private.remove_second_factor(v_account);
  end if;
end
$$;
comment on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/mfa/disable
@errors reauthentication_failed second_factor_failed no_second_factor code_missing
@rate_limit mfa
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Take the signed-in user's second factor away.

Takes the password and the second factor; the owner is told by mail. Whoever has lost both the app and the recovery codes
asks an administrator.
$$;
revoke all on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.disable_mfa(app.password_hash, app.totp_step, app.recovery_code) to roster_user;
