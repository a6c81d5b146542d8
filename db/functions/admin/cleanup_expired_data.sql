-- The one command of the operations manual: SELECT cleanup_expired_data();
-- A batch is small enough for the statement timeout of the service's login; the job comes round until nothing is left.
create or replace function admin.cleanup_expired_data(max_rows integer default 1000) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := private.now();
  v_settings app.settings;
  v_removed  jsonb;
begin
  select s.* into v_settings from app.settings s;
  v_removed := admin.clean_expired_tokens(max_rows) || jsonb_build_object(
    'anonymized_users', admin.anonymize_expired_users(least(max_rows, 50)),
    'checked_erasures', private.erase_leftovers(least(max_rows, 50)),
    -- An attack leaves a row for each of its addresses.
    'login_sources',
      private.delete_some('app.login_sources', 't.updated_at < $1 and t.last_login_at is null', v_now - interval '2 days', max_rows)
      + private.delete_some('app.login_sources', 't.updated_at < $1', v_now - v_settings.keep_login_sources, max_rows),
    'outbox', private.delete_some(
      'app.outbox', 'coalesce(t.sent_at, t.failed_at) < $1', v_now - v_settings.keep_done_messages, max_rows),
    'idempotency_keys', private.delete_some('app.idempotency_keys', 't.expires_at < $1', v_now, max_rows),
    'rate_limits', private.delete_some('app.rate_limits', 't.window_started_at < $1', v_now - interval '2 days', max_rows));
  return v_removed || jsonb_build_object(
    'refresh_token_salts', admin.erase_expired_salts(),
    'more', exists (select from jsonb_each_text(v_removed) r where r.value <> '0'));
end
$$;
comment on function admin.cleanup_expired_data(integer) is 'Removes what is past its time, at most so many rows of each kind, without making anybody wait; returns how many of each. Call it again while it says that there may be more.';
revoke all on function admin.cleanup_expired_data(integer) from public;
grant execute on function admin.cleanup_expired_data(integer) to roster_dba;
