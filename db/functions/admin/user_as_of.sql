-- The same for psql, where no request passes the door: select * from user_as_of('…', '2026-01-31 12:00+01');
create or replace function admin.user_as_of(id uuid, at timestamptz) returns api.user_history
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  perform audit.record_event('user_history.read', user_as_of.id, jsonb_build_object('at', user_as_of.at));
  return private.user_as_of(user_as_of.id, user_as_of.at);
end
$$;
comment on function admin.user_as_of(uuid, timestamptz) is 'An account with its profile, roles and consents as it was at a time; the look is recorded. Raises not_found.';
revoke all on function admin.user_as_of(uuid, timestamptz) from public;
grant execute on function admin.user_as_of(uuid, timestamptz) to roster_dba;
