-- A used refresh token is kept while its session lives: to present it again is how a theft shows.
create or replace function admin.clean_expired_tokens(max_rows integer default 1000) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz := private.now() - (select s.keep_ended_sessions from app.settings s);
begin
  perform private.check_batch(max_rows);
  return private.delete_ended_sessions(v_before, max_rows) || jsonb_build_object(
    'password_reset_tokens', private.delete_some('app.password_reset_tokens', 't.expires_at < $1', v_before, max_rows),
    'email_verification_tokens', private.delete_some('app.email_verification_tokens', 't.expires_at < $1', v_before, max_rows),
    'phone_verification_codes', private.delete_some('app.phone_verification_codes', 't.expires_at < $1', v_before, max_rows),
    'login_challenges', private.delete_some('app.login_challenges', 't.expires_at < $1', v_before, max_rows),
    'api_keys', private.delete_some('app.api_keys', 'coalesce(t.revoked_at, t.expires_at) < $1', v_before, max_rows),
    'totp_factors', private.delete_some(
      'app.totp_factors', 't.confirmed_at is null and t.created_at < $1', private.now() - interval '1 day', max_rows));
end
$$;
comment on function admin.clean_expired_tokens(integer) is 'Removes sessions with their refresh tokens, mailed tokens, login challenges and API keys, some time after their end, and second factors that were not confirmed within a day, at most so many of each; returns how many.';
revoke all on function admin.clean_expired_tokens(integer) from public;
grant execute on function admin.clean_expired_tokens(integer) to roster_dba;
