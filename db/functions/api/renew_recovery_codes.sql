-- For a list that is used up, lost, or was seen by somebody.
create or replace function api.renew_recovery_codes(
  verified_hash app.password_hash default null,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns api.recovery_code_list
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
begin
  if not private.has_second_factor(v_user_id) then
    perform private.fail('no_second_factor');
  end if;
  v_user_id := private.reauthenticate(verified_hash, verified_step, renew_recovery_codes.recovery_code);
  if v_user_id is null then
    return null;
  end if;
  perform audit.record_event('recovery_codes.renewed', v_user_id);
  return private.issue_recovery_codes(v_user_id);
end
$$;
comment on function api.renew_recovery_codes(app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/mfa/recovery-codes
@errors reauthentication_failed second_factor_failed no_second_factor code_missing
@rate_limit mfa
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Replace the recovery codes by ten new ones.

Takes the password and the second factor. The old codes stop working; the new ones are shown this once.
$$;
revoke all on function api.renew_recovery_codes(app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.renew_recovery_codes(app.password_hash, app.totp_step, app.recovery_code) to roster_user;
