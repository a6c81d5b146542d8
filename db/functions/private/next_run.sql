-- Daily work keeps its hour however long it takes or however late it starts.
create or replace function private.next_run(run_every interval, run_at time) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamp := private.now() at time zone 'UTC';
  v_today timestamp := date_trunc('day', v_now) + next_run.run_at;
begin
  return case
    when next_run.run_at is null then private.now() + next_run.run_every
    when v_today > v_now then v_today at time zone 'UTC'
    else (v_today + greatest(next_run.run_every, interval '1 day')) at time zone 'UTC'
  end;
end
$$;
comment on function private.next_run(interval, time) is 'When a job is due next: at its time of day (UTC) if it has one, else so long from now.';
revoke all on function private.next_run(interval, time) from public;
