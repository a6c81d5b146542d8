-- Every run moves next_run_at, which is no event; who moves it by hand could put a job off for good.
create or replace function private.tg__record_postponement() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform audit.record_event('job.rescheduled', null, jsonb_build_object(
    'name', new.name, 'next_run_at', new.next_run_at, 'was', old.next_run_at));
  return null;
end
$$;
comment on function private.tg__record_postponement() is 'Records that somebody moved the time at which a job is due.';
revoke all on function private.tg__record_postponement() from public;
