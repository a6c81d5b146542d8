-- The figures that the reporting view has, so that nobody counts a million rows for a dashboard.
create or replace function api.get_stats() returns api.statistics
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_statistics api.statistics;
begin
  perform private.authorize('api.get_stats()');
  select s.as_of, s.users, s.active, s.inactive, s.suspended, s.deleted, s.locked, s.verified,
         s.registered_last_30_days, s.signed_in_last_30_days
  into v_statistics
  from reporting.v_active_users_summary s;
  return v_statistics;
end
$$;
comment on function api.get_stats() is $$
@http GET /v1/stats
@permission users:read

Return how many accounts there are, by state.

Counted every quarter of an hour; `as_of` says when.
$$;
revoke all on function api.get_stats() from public;
grant execute on function api.get_stats() to roster_user;
