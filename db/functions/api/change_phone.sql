-- A number is believed when a code sent to it comes back.
create or replace function api.change_phone(
  phone app.phone,
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
  v_code    text := private.random_code();
begin
  if not private.show_second_factor(verified_step, change_phone.recovery_code)
     or not private.count_mail(v_user_id::text, true) or not private.count_mail(phone, true) then
    return;
  end if;
  update app.phone_verification_codes c set revoked_at = private.now()
  where c.user_id = v_user_id and c.used_at is null and c.revoked_at is null;
  insert into app.phone_verification_codes (user_id, phone, code_hash, expires_at)
  values (v_user_id, change_phone.phone, private.keyed_digest('phone ' || v_user_id || ' ' || v_code),
          private.now() + (select s.phone_code_ttl from app.settings s));
  perform private.send(v_user_id, 'verify_phone', change_phone.phone, jsonb_build_object('code', v_code), 'sms');
end
$$;
comment on function api.change_phone(app.phone, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/phone
@status 202
@errors second_factor_failed code_missing
@rate_limit mail
@totp code into verified_step using http.own_totp()

Send a code to a telephone number that is to become the signed-in user's.

The number takes effect when the code is sent to `/v1/me/phone/verify`.

Where there is a second factor it takes a `code` or a `recovery_code` of it.
$$;
revoke all on function api.change_phone(app.phone, app.totp_step, app.recovery_code) from public;
grant execute on function api.change_phone(app.phone, app.totp_step, app.recovery_code) to roster_user;
