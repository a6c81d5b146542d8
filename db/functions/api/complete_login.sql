-- The second half of a sign-in. The account's row is the lock that it shares with login, password change and suspension.
-- Nothing raises once a code was given: a failure must be kept.
create or replace function api.complete_login(
  challenge app.token,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns api.session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account   app.users;
  v_challenge app.login_challenges;
  v_methods   text[];
begin
  select u.* into v_account from app.users u
  where u.id = (select c.user_id from app.login_challenges c where c.token_hash = private.digest(complete_login.challenge))
  for update;
  select c.* into v_challenge from app.login_challenges c
  where c.token_hash = private.digest(complete_login.challenge)
    and c.used_at is null and c.revoked_at is null and c.expires_at > private.now();
  if v_challenge.id is null then
    perform private.fail('token_invalid');
  end if;
  v_methods := private.pass_second_factor(v_account, verified_step, complete_login.recovery_code);
  if v_methods is null then
    update app.login_challenges c set
      attempts = c.attempts + 1, revoked_at = case when c.attempts >= 4 then private.now() end
    where c.id = v_challenge.id;
    return null;
  end if;
  update app.login_challenges c set used_at = private.now() where c.id = v_challenge.id;
  return private.sign_in(v_account.id, v_challenge.device_name, v_methods);
end
$$;
comment on function api.complete_login(app.token, app.totp_step, app.recovery_code) is $$
@http POST /v1/auth/mfa
@errors token_invalid second_factor_failed code_missing
@rate_limit mfa
@totp code into verified_step using http.challenge_totp(challenge)

Sign in with the challenge of a login and the second factor.

Send `code`, what the authenticator app shows, or `recovery_code`. A code works once, also one that has not passed yet. A
challenge works once, for five minutes and at most five tries; wrong codes count like wrong passwords. After a hundred in
a row it takes a recovery code, except from where somebody has signed in before.
$$;
revoke all on function api.complete_login(app.token, app.totp_step, app.recovery_code) from public;
grant execute on function api.complete_login(app.token, app.totp_step, app.recovery_code) to roster_anonymous;
