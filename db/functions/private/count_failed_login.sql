-- Who guesses locks the account for their own source; only many sources together lock it for all, and even then not for
-- those that somebody has signed in from. A lock ends by itself, and attempts during a lock do not prolong it: nobody
-- can shut an owner out.
create or replace function private.count_failed_login(account app.users) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings app.settings;
  v_failures integer;
begin
  select s.* into v_settings from app.settings s;
  insert into app.login_sources as l (user_id, source, failed_login_attempts)
  values (account.id, private.login_source(), 1)
  on conflict (user_id, source) do update set failed_login_attempts = l.failed_login_attempts + 1, updated_at = private.now()
  returning l.failed_login_attempts into v_failures;
  if v_failures % v_settings.lock_after_failures = 0 then
    update app.login_sources l set locked_until = private.lock_end(v_failures / v_settings.lock_after_failures)
    where l.user_id = account.id and l.source = private.login_source();
    perform audit.record_event('account.locked', account.id, jsonb_build_object('failures', v_failures, 'scope', 'source'));
  end if;
  v_failures := account.failed_login_attempts + 1;
  update app.users u set
    failed_login_attempts = v_failures,
    locked_until = case when v_failures % v_settings.lock_everywhere_after_failures = 0
      then private.lock_end(v_failures / v_settings.lock_everywhere_after_failures) else u.locked_until end
  where u.id = account.id;
  if v_failures % v_settings.lock_everywhere_after_failures = 0 then
    perform audit.record_event('account.locked', account.id, jsonb_build_object('failures', v_failures, 'scope', 'everywhere'));
  end if;
end
$$;
comment on function private.count_failed_login(app.users) is 'Counts a wrong password or a wrong code for the account and for its source, which lock at every so many failures, each time twice as long.';
revoke all on function private.count_failed_login(app.users) from public;
