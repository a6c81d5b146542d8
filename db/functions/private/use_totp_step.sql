-- The row's lock makes a code count once (RFC 6238, 5.2): of two that come at the same moment the second finds the step
-- taken. An older step is as used as the last one.
create or replace function private.use_totp_step(user_id uuid, step bigint) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.totp_factors f set last_step = use_totp_step.step, failures = 0
  where f.user_id = use_totp_step.user_id and f.confirmed_at is not null
    and use_totp_step.step = any (private.totp_steps()) and use_totp_step.step > f.last_step;
  return found;
end
$$;
comment on function private.use_totp_step(uuid, bigint) is 'Uses the code of a time step up; false if it is not of now, or was used, or a later one was.';
revoke all on function private.use_totp_step(uuid, bigint) from public;
