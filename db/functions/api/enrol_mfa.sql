-- Nothing is in force yet: the app has to show that it got the secret. Asking again replaces what was not confirmed. An app
-- that is in force stays so until then.
create or replace function api.enrol_mfa(
  sealed_secret app.sealed_secret,
  verified_hash app.password_hash default null,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns api.totp_enrolment
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash, verified_step, enrol_mfa.recovery_code);
  v_reply   api.totp_enrolment;
begin
  if v_user_id is null then
    return null;
  end if;
  delete from app.totp_factors f where f.user_id = v_user_id and f.confirmed_at is null;
  insert into app.totp_factors (user_id, sealed_secret) values (v_user_id, enrol_mfa.sealed_secret);
  perform audit.record_event('mfa.enrolled', v_user_id);
  select s.service_name, u.email into v_reply.issuer, v_reply.account
  from app.settings s, app.users u where u.id = v_user_id;
  return v_reply;
end
$$;
comment on function api.enrol_mfa(app.sealed_secret, app.password_hash, app.totp_step, app.recovery_code) is $$
@http POST /v1/me/mfa
@status 201
@errors reauthentication_failed second_factor_failed code_missing
@despite mfa_enrolment_required password_change_required
@rate_limit mfa
@totp_secret into sealed_secret
@verify password into verified_hash using http.own_hash()
@totp code into verified_step using http.own_totp()

Enrol an authenticator app as the second factor.

The secret is shown this once, as text, as a URI and as a QR code. The factor is in force when `/v1/me/mfa/confirm` has
had a code of it; until then it can be enrolled anew. Where a second factor is in force already it takes a `code` or a
`recovery_code` of that as well, and the new one then takes its place.
$$;
revoke all on function api.enrol_mfa(app.sealed_secret, app.password_hash, app.totp_step, app.recovery_code) from public;
grant execute on function api.enrol_mfa(app.sealed_secret, app.password_hash, app.totp_step, app.recovery_code) to roster_user;
