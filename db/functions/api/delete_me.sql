-- Leaving takes the password, so that a borrowed phone cannot end an account. Who leaves withdraws the consent that the
-- account rests on; whoever restores the account cannot give it again for them.
create or replace function api.delete_me(
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
  v_user_id uuid := private.reauthenticate(verified_hash, verified_step, delete_me.recovery_code);
  v_consent app.consents := private.current_consent(v_user_id, 'data_processing');
begin
  if v_user_id is null then
    return;
  end if;
  perform private.change_status(v_user_id, 'delete');
  if v_consent.is_granted then
    perform private.declare_consent(v_user_id, 'data_processing', false, v_consent.text_version);
  end if;
end
$$;
comment on function api.delete_me(app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/delete
@errors reauthentication_failed second_factor_failed code_missing last_admin
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Delete the signed-in user's account.

All sessions end at once, and the consent to the processing of the data is withdrawn. The account can be restored by an
administrator for thirty days, without that consent; after that its data is anonymised.

Where there is a second factor it takes a `code` or a `recovery_code` as well.
$$;
revoke all on function api.delete_me(app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.delete_me(app.password_hash, app.totp_step, app.recovery_code) to roster_user;
