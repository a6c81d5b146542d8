-- Whoever knew the old password is signed out, and tokens on their way by mail are void.
create or replace function api.change_password(
  new_password_hash app.password_hash,
  verified_hash app.password_hash default null,
  is_short app.password_is_short default false,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash, verified_step, change_password.recovery_code);
begin
  if v_user_id is null then
    return;
  elsif new_password_hash is null then
    perform private.fail('password_missing');
  end if;
  perform private.store_password(v_user_id, new_password_hash, is_short);
  perform private.forget_failed_logins(v_user_id);
  perform private.end_sessions(v_user_id, 'password_changed', private.current_session_id());
  perform private.revoke_mailed_tokens(v_user_id);
  perform private.send_notice(v_user_id, 'password_changed');
  perform audit.record_event('password.changed', v_user_id);
end
$$;
comment on function api.change_password(app.password_hash, app.password_hash, app.password_is_short, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/password
@errors reauthentication_failed second_factor_failed code_missing password_unacceptable
@despite password_change_required
@verify current_password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()
@hash new_password into new_password_hash marking is_short avoiding http.own_rules()

Change the signed-in user's password.

All other sessions end, reset links that were mailed before stop working, and the person is told by mail.

Where there is a second factor it takes a `code` or a `recovery_code` as well.
$$;
revoke all on function api.change_password(app.password_hash, app.password_hash, app.password_is_short, app.totp_step, app.recovery_code) from public;
grant execute on function api.change_password(app.password_hash, app.password_hash, app.password_is_short, app.totp_step, app.recovery_code) to roster_user;
