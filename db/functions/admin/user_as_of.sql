-- The same for psql, where no request passes the door: select * from user_as_of('…', '2026-01-31 12:00+01');
create or replace function admin.user_as_of(id uuid, at timestamptz default null) returns api.user_history
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz := coalesce(user_as_of.at, private.now());
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  perform audit.record_event('user_history.read', user_as_of.id, jsonb_build_object('at', v_at));
  return private.user_as_of(user_as_of.id, v_at);
end
$$;
comment on function admin.user_as_of(uuid, timestamptz) is 'An account with its profile, roles and consents as it was at a time (null: now); the look is recorded. Raises not_found.';
revoke all on function admin.user_as_of(uuid, timestamptz) from public;
grant execute on function admin.user_as_of(uuid, timestamptz) to roster_dba;
