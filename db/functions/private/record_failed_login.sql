-- Only a wrong password counts: attempts during a lock do not prolong it.
create or replace function private.record_failed_login(account app.users, reason text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform audit.record_event('login.failed', account.id, jsonb_build_object('reason', record_failed_login.reason));
  if account.id is not null and record_failed_login.reason = 'wrong_password' then
    perform private.count_failed_login(account);
  end if;
end
$$;
comment on function private.record_failed_login(app.users, text) is 'Keeps a failed login in the log, and a wrong password in the counters that lock.';
revoke all on function private.record_failed_login(app.users, text) from public;
