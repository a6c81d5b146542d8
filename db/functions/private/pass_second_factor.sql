-- For an account whose row the caller has locked. A wrong code counts like a wrong password, so that guesses are as few
-- and lock as little: the source that guesses, never the owner's own.
create or replace function private.pass_second_factor(account app.users, verified_step bigint, recovery_code text) returns text[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_obstacle text := private.login_obstacle(account, account.password_hash);
begin
  if verified_step is null and recovery_code is null then
    perform private.fail('code_missing');
  elsif v_obstacle is null and verified_step is not null and private.is_totp_exhausted(account.id) then
    v_obstacle := 'exhausted';
  elsif v_obstacle is not null then
    null;
  elsif verified_step is not null and private.use_totp_step(account.id, verified_step) then
    return array['pwd', 'otp', 'mfa'];
  elsif verified_step is null and private.use_recovery_code(account, recovery_code) then
    return array['pwd', 'mfa'];
  else
    v_obstacle := case when verified_step > 0 then 'used_code' else 'wrong_code' end;
    perform private.count_failed_login(account);
    update app.totp_factors f set failures = f.failures + 1 where f.user_id = account.id and f.confirmed_at is not null and verified_step = 0;
  end if;
  perform audit.record_event('mfa.failed', account.id, jsonb_build_object('reason', v_obstacle)),
          private.refuse('second_factor_failed');
  return null;
end
$$;
comment on function private.pass_second_factor(app.users, bigint, text) is 'Takes a code or a recovery code of an account; returns how the person has proved who they are, with the password that was right before, or null after a refusal that is counted.';
revoke all on function private.pass_second_factor(app.users, bigint, text) from public;
