-- Rows behind the last seal wait for the next one. What claims a transaction that has not begun would wait for ever.
create or replace function audit.unsealed(out rows bigint, out row_from_nowhere bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last audit.seals;
begin
  select s.* into v_last from audit.seals s order by s.number desc limit 1;
  select count(*), min(l.id) filter (where l.transaction_id >= pg_snapshot_xmax(pg_current_snapshot()))
  into rows, row_from_nowhere
  from audit.waiting(v_last) l;
  if v_last.number is null or v_last.system_identifier <> audit.system_identifier() then
    row_from_nowhere := null;
  end if;
end
$$;
comment on function audit.unsealed() is 'How many rows wait for a seal, and one of those that say that a transaction wrote them that this cluster has not begun.';
revoke all on function audit.unsealed() from public;
grant execute on function audit.unsealed() to roster_owner;
