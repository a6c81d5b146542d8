-- From here on every open session has passed the second factor: this one just did, the others end. The step counts as
-- used, so that the code that was typed here signs nobody in. Nor does an address take effect that was asked for without
-- the factor. After five wrong codes an enrolment takes the password again.
create or replace function api.confirm_mfa(verified_step app.totp_step) returns api.recovery_code_list
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
begin
  if not exists (select from app.totp_factors f where f.user_id = v_user_id and f.confirmed_at is null) then
    perform private.fail('no_second_factor');
  elsif confirm_mfa.verified_step <> all (private.totp_steps()) then
    update app.totp_factors f set failures = f.failures + 1 where f.user_id = v_user_id and f.confirmed_at is null;
    delete from app.totp_factors f where f.user_id = v_user_id and f.confirmed_at is null and f.failures >= 5;
    perform audit.record_event('mfa.failed', v_user_id, jsonb_build_object('reason', 'wrong_code')),
            private.refuse('code_invalid');
    return null;
  end if;
  delete from app.totp_factors f where f.user_id = v_user_id and f.confirmed_at is not null;
  update app.totp_factors f set confirmed_at = private.now(), last_step = confirm_mfa.verified_step, failures = 0
  where f.user_id = v_user_id;
  update app.email_verification_tokens t set revoked_at = private.now()
  where t.user_id = v_user_id and t.used_at is null and t.revoked_at is null
    and private.fold(t.email) <> (select u.email_key from app.users u where u.id = v_user_id);
  perform private.revoke_login_challenges(v_user_id);
  perform private.end_sessions(v_user_id, 'second_factor', private.current_session_id());
  update app.sessions s set methods = '{pwd,otp,mfa}' where s.id = private.current_session_id() and s.database_role is null;
  perform audit.record_event('mfa.confirmed', v_user_id),
          private.send_notice(v_user_id, 'mfa_enabled');
  return private.issue_recovery_codes(v_user_id);
end
$$;
comment on function api.confirm_mfa(app.totp_step) is $$
@http POST /v1/me/mfa/confirm
@errors code_invalid no_second_factor
@despite mfa_enrolment_required password_change_required
@rate_limit mfa
@totp code into verified_step using http.pending_totp()

Confirm the enrolled authenticator app with a code, which puts it in force.

The answer has ten recovery codes, each good once, shown this once. All other sessions end, and so does a change of address
that is under way. An app that was in force before is not any more. Five wrong codes end the enrolment.
$$;
revoke all on function api.confirm_mfa(app.totp_step) from public;
grant execute on function api.confirm_mfa(app.totp_step) to roster_user;
