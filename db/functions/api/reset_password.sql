-- Who can read the mailbox owns the account, alone: whoever registered the address before, or was signed in, is out.
-- Who accepts an invitation begins, as at a registration, with consent.
create or replace function api.reset_password(
  token app.token,
  password_hash app.password_hash,
  gdpr_consent boolean default false,
  is_short app.password_is_short default false)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token   app.password_reset_tokens;
  v_account app.users;
begin
  select u.* into v_account from app.users u
  where u.id = (select t.user_id from app.password_reset_tokens t where t.token_hash = private.digest(reset_password.token))
  for update;
  update app.password_reset_tokens t set used_at = private.now()
  where t.token_hash = private.digest(reset_password.token)
    and t.used_at is null and t.revoked_at is null and t.expires_at > private.now()
  returning t.* into v_token;
  if v_token.id is null or v_account.status not in ('active', 'inactive') then
    perform private.fail('token_invalid', 400);
  end if;
  if v_token.purpose = 'invitation' and v_account.gdpr_consent_at is null then
    if reset_password.gdpr_consent is not true then
      perform private.fail('consent_required');
    end if;
    perform private.declare_consent(v_account.id, 'data_processing', true);
  end if;
  if not v_account.is_email_verified then
    perform private.confirm_email(v_account, v_account.email);
    -- Whoever registered the address before its owner may have verified a telephone of theirs.
    update app.users u set is_phone_verified = false where u.id = v_account.id;
  end if;
  perform private.store_password(v_account.id, reset_password.password_hash, is_short);
  perform private.forget_failed_logins(v_account.id);
  perform private.end_sessions(v_account.id, 'password_changed');
  perform private.revoke_mailed_tokens(v_account.id);
  perform private.revoke_api_keys(v_account.id);
  perform private.send_notice(v_account.id, 'password_changed');
  perform audit.record_event('password.reset', v_account.id, jsonb_build_object('purpose', v_token.purpose));
end
$$;
comment on function api.reset_password(app.token, app.password_hash, boolean, app.password_is_short) is $$
@http POST /v1/auth/password/reset
@errors 400:token_invalid password_unacceptable consent_required
@rate_limit login
@hash password into password_hash marking is_short avoiding http.reset_rules(token)

Set a new password with a mailed token, after a reset or an invitation.

All sessions end, all API keys are revoked, a lock ends, and the address counts as verified: the token was read there. A
second factor stays and is asked for at the next login. To accept an invitation takes `gdpr_consent`, which is recorded as
at a registration.
$$;
revoke all on function api.reset_password(app.token, app.password_hash, boolean, app.password_is_short) from public;
grant execute on function api.reset_password(app.token, app.password_hash, boolean, app.password_is_short) to roster_anonymous, roster_user;
