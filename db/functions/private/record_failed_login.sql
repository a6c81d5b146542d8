-- A lock ends by itself, and attempts during a lock do not prolong it: nobody can shut an owner out for good.
create or replace function private.record_failed_login(account app.users, reason text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings app.settings;
  v_failures integer := account.failed_login_attempts + 1;
begin
  select s.* into v_settings from app.settings s;
  perform audit.record_event('login.failed', account.id, jsonb_build_object('reason', record_failed_login.reason));
  if account.id is null or record_failed_login.reason <> 'wrong_password' then
    return;
  end if;
  update app.users u set
    failed_login_attempts = v_failures,
    locked_until = case when v_failures % v_settings.lock_after_failures = 0 then
      private.now() + least(
        v_settings.lock_duration * power(2, least(v_failures / v_settings.lock_after_failures - 1, 20)),
        v_settings.lock_duration_max)
      end
  where u.id = account.id;
  if v_failures % v_settings.lock_after_failures = 0 then
    perform audit.record_event('account.locked', account.id, jsonb_build_object('failures', v_failures));
  end if;
end
$$;
comment on function private.record_failed_login(app.users, text) is 'Keeps a failed login in the log, and a wrong password in the account''s counter, which locks it at every so many failures, each time twice as long.';
revoke all on function private.record_failed_login(app.users, text) from public;
