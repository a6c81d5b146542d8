-- The sources stay known: from where somebody has signed in before, they can when others have the account locked.
create or replace function private.forget_failed_logins(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.login_sources s set failed_login_attempts = 0, locked_until = null
  where s.user_id = forget_failed_logins.user_id and s.failed_login_attempts > 0;
  update app.users u set failed_login_attempts = 0, locked_until = null
  where u.id = forget_failed_logins.user_id and u.failed_login_attempts > 0;
end
$$;
comment on function private.forget_failed_logins(uuid) is 'Ends every lock on an account and counts its failed logins anew.';
revoke all on function private.forget_failed_logins(uuid) from public;
