-- The reason goes into the audit log and never into the answer. Where registration is private nobody signs in before the
-- address is verified: to register somebody's address and then sign in would tell whether they had an account.
create or replace function private.login_obstacle(account app.users, verified_hash text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_source app.login_sources;
  v_locked boolean;
begin
  select l.* into v_source from app.login_sources l where l.user_id = account.id and l.source = private.login_source();
  v_locked := v_source.locked_until > private.now()
    or account.locked_until > private.now() and v_source.last_login_at is null;
  return case
    when account.id is null then 'unknown'
    when v_locked then 'locked'
    when account.password_hash is distinct from verified_hash or verified_hash is null then 'wrong_password'
    when account.status not in ('active', 'inactive') then account.status
    when not account.is_email_verified
      and (select s.login_needs_verified_email or s.registration = 'private' from app.settings s) then 'unverified'
  end;
end
$$;
comment on function private.login_obstacle(app.users, text) is 'Why an account may not sign in with that verified hash now: unknown, locked, wrong_password, a status, unverified; null if it may.';
revoke all on function private.login_obstacle(app.users, text) from public;
