-- One partition a call: its drop waits for whoever reads the log and makes everybody wait behind it, so it gives up soon
-- and the job comes round.
create or replace function admin.drop_expired_audit(without_archive boolean default false) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_month   record;
  v_outcome text;
  v_dropped jsonb;
  v_kept    jsonb := jsonb_build_array();
  v_waiting text := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '2s', true);
  for v_month in
    select p.month, p.rows, p.first_seal, p.last_seal, p.archive
    from admin.audit_partitions() p where p.is_expired and not p.is_dropped
  loop
    v_outcome := audit.drop_partition(v_month.month, private.now(), drop_expired_audit.without_archive);
    if v_outcome = 'dropped' then
      v_dropped := jsonb_build_object(
        'month', to_char(v_month.month, 'YYYY-MM'), 'rows', v_month.rows,
        'first_seal', v_month.first_seal, 'last_seal', v_month.last_seal, 'archive', v_month.archive);
      perform audit.record_event('audit_partitions.dropped', null, v_dropped);
      exit;
    end if;
    v_kept := v_kept || jsonb_build_object('month', to_char(v_month.month, 'YYYY-MM'), 'reason', v_outcome);
  end loop;
  perform set_config('lock_timeout', v_waiting, true);
  return jsonb_build_object('dropped', v_dropped, 'kept', v_kept, 'more', v_dropped is not null);
end
$$;
comment on function admin.drop_expired_audit(boolean) is 'Drops the oldest month of the audit log whose retention (settings.audit_retention) has passed, if it is sealed and archived; its seals stay. without_archive: also one that no archive holds, if it verifies. Returns what was dropped, which months were kept and why, and whether there may be more.';
revoke all on function admin.drop_expired_audit(boolean) from public;
grant execute on function admin.drop_expired_audit(boolean) to roster_dba;
