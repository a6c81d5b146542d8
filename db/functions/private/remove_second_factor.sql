-- Sign-ins that wait for the factor would wait for ever, so they end with it.
create or replace function private.remove_second_factor(account app.users) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_was_in_force boolean := private.has_second_factor(account.id);
begin
  delete from app.totp_factors f where f.user_id = account.id;
  delete from app.recovery_codes c where c.user_id = account.id;
  perform private.revoke_login_challenges(account.id);
  if not v_was_in_force then
    return false;
  end if;
  perform audit.record_event('mfa.disabled', account.id), private.send_notice(account.id, 'mfa_disabled');
  return true;
end
$$;
comment on function private.remove_second_factor(app.users) is 'Takes the second factor of an account away and tells its owner; false if none was in force.';
revoke all on function private.remove_second_factor(app.users) from public;
