-- The one command of the operations manual: SELECT cleanup_expired_data();
create or replace function admin.cleanup_expired_data(max_rows integer default 10000) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return admin.clean_expired_tokens(max_rows) || jsonb_build_object(
    'anonymized_users', admin.anonymize_expired_users(least(max_rows, 100)),
    'refresh_token_salts', admin.erase_expired_salts(),
    'outbox', private.delete_some(
      'app.outbox', 'coalesce(t.sent_at, t.failed_at) < $1', private.now() - interval '30 days', max_rows),
    'idempotency_keys', private.delete_some('app.idempotency_keys', 't.expires_at < $1', private.now(), max_rows),
    'rate_limits', private.delete_some(
      'app.rate_limits', 't.window_started_at < $1', private.now() - interval '2 days', max_rows));
end
$$;
comment on function admin.cleanup_expired_data(integer) is 'Removes what is past its time, at most so many rows of each kind, without making anybody wait; returns how many of each. Call it again while a figure reaches the limit.';
revoke all on function admin.cleanup_expired_data(integer) from public;
grant execute on function admin.cleanup_expired_data(integer) to roster_dba;
