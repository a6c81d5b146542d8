-- Whoever finds the list of codes has the second factor, so its owner hears of each use.
create or replace function private.use_recovery_code(account app.users, code text) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left integer;
begin
  update app.recovery_codes c set used_at = private.now()
  where c.user_id = account.id and c.used_at is null
    and c.code_hash = private.recovery_digest(account.id, use_recovery_code.code);
  if not found then
    return false;
  end if;
  update app.totp_factors f set failures = 0 where f.user_id = account.id and f.confirmed_at is not null and f.failures > 0;
  select count(*)::integer into v_left from app.recovery_codes c where c.user_id = account.id and c.used_at is null;
  perform audit.record_event('recovery_code.used', account.id, jsonb_build_object('left', v_left)),
          private.send_notice(account.id, 'recovery_code_used', jsonb_build_object('left', v_left));
  return true;
end
$$;
comment on function private.use_recovery_code(app.users, text) is 'Uses a recovery code of an account up and tells its owner; false if it is none, or was used.';
revoke all on function private.use_recovery_code(app.users, text) from public;
