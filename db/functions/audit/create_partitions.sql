-- There is no default partition on purpose: a row that fits nowhere refuses its change, so nothing happens unaudited.
create or replace function audit.create_partitions(months_ahead integer) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_month   timestamp;
  v_name    text;
  v_created integer := 0;
begin
  for v_month in
    select generate_series(
      date_trunc('month', private.now() at time zone 'UTC'),
      date_trunc('month', private.now() at time zone 'UTC') + make_interval(months => months_ahead),
      '1 month')
  loop
    v_name := 'audit_logs_' || to_char(v_month, 'YYYY_MM');
    continue when to_regclass('audit.' || v_name) is not null;
    -- Closed before it is part of the log, and without stopping who writes to it.
    execute format('create table audit.%I (like audit.audit_logs including all)', v_name);
    execute format('alter table audit.%I enable row level security', v_name);
    execute format('alter table audit.%I force row level security', v_name);
    execute format(
      'create trigger _001_refuse_truncate before truncate on audit.%I for each statement execute function audit.tg__refuse_change()',
      v_name);
    execute format('comment on table audit.%I is %L', v_name, 'Audit rows of ' || to_char(v_month, 'YYYY-MM') || ' (UTC).');
    execute format(
      'alter table audit.audit_logs attach partition audit.%I for values from (%L) to (%L)',
      v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    v_created := v_created + 1;
  end loop;
  return v_created;
end
$$;
comment on function audit.create_partitions(integer) is 'Creates the monthly partitions from this month to so many months ahead that are missing; returns how many.';
revoke all on function audit.create_partitions(integer) from public;
grant execute on function audit.create_partitions(integer) to roster_owner;
