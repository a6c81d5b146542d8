-- The address is the key to the account, so it changes only when its new owner has read a mail there; the old one is
-- told at once, if somebody has shown that it is theirs. That a new address is taken is not said to whoever asks, but to
-- its owner.
create or replace function api.change_email(
  new_email app.email,
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
  v_user_id uuid := private.reauthenticate(verified_hash, verified_step, change_email.recovery_code);
  v_taken   uuid := private.find_user(new_email);
  v_account app.users;
begin
  select u.* into v_account from app.users u where u.id = v_user_id;
  if v_account.id is null or not private.count_mail(v_account.id::text, true) or not private.count_mail(new_email) then
    return;
  end if;
  perform private.send_notice(v_account.id, 'email_change_requested', jsonb_build_object('new_email', new_email));
  perform private.send_email_verification(v_account.id, private.plain_address(new_email), nullif(v_taken, v_account.id));
  perform audit.record_event('email.change_requested', v_account.id);
end
$$;
comment on function api.change_email(app.email, app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/email
@status 202
@errors email_unacceptable reauthentication_failed second_factor_failed code_missing
@rate_limit mail
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Ask to change the signed-in user's email address.

It takes effect when the token mailed to the new address is used at `/v1/auth/email/verify`; the old address is told.

Where there is a second factor it takes a `code` or a `recovery_code` as well.
$$;
revoke all on function api.change_email(app.email, app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.change_email(app.email, app.password_hash, app.totp_step, app.recovery_code) to roster_user;
