-- A log that has come from another cluster has rows whose transaction ids mean nothing here. They are all there and
-- finished, and so is every row with a lesser id: that closes the old epoch, and the new one begins after the last of them.
-- So does the first one, on what a restored log without any seal brought along.
create or replace function audit.seal_batch(at timestamptz, max_rows integer) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seal   audit.seals;
  v_xmin   xid8;
  v_is_old boolean;
  v_end    xid8;
  v_until  bigint;
  v_batch  record;
  v_month  date;
begin
  select s.* into v_seal from audit.seals s order by s.number desc limit 1;
  v_xmin := pg_snapshot_xmin(pg_current_snapshot());
  v_is_old := v_seal.number is null or v_seal.system_identifier <> audit.system_identifier()
    or v_seal.to_transaction > v_xmin;
  v_seal := audit.next_seal(v_seal, at);
  loop
    if v_is_old then
      v_end := '18446744073709551615';
      v_until := greatest(v_seal.last_id, (
        select max(l.id) from audit.audit_logs l
        where l.transaction_id >= pg_snapshot_xmax(pg_current_snapshot()) and l.id > v_seal.after_id));
    else
      v_end := v_xmin;
      v_until := 9223372036854775807;
    end if;
    select count(*)::integer as rows, max(b.id) as last_id, array_agg(distinct b.month order by b.month) as months,
           (array_agg(b.transaction_id order by b.transaction_id desc, b.id desc))[1] as to_transaction,
           (array_agg(b.id order by b.transaction_id desc, b.id desc))[1] + 1 as to_id
    into v_batch
    from (select l.transaction_id, l.id, date_trunc('month', l.occurred_at at time zone 'UTC')::date as month
          from audit.audit_logs l
          where (l.transaction_id, l.id) >= (v_seal.from_transaction, v_seal.from_id) and l.transaction_id < v_end
            and l.id > v_seal.after_id and l.id <= v_until
          order by l.transaction_id, l.id limit seal_batch.max_rows) b;
    exit when v_batch.rows > 0 or not v_is_old;
    v_is_old := false;
    v_seal.epoch := v_seal.epoch + 1;
    v_seal.after_id := v_until;
    v_seal.system_identifier := audit.system_identifier();
    v_seal.from_transaction := '0';
    v_seal.from_id := 0;
  end loop;
  if v_batch.rows > 0 then
    v_seal.to_transaction := v_batch.to_transaction;
    v_seal.to_id := v_batch.to_id;
    v_seal.last_id := greatest(v_seal.last_id, v_batch.last_id);
    foreach v_month in array v_batch.months loop
      v_seal.month := v_month;
      perform audit.add_seal(audit.cover(v_seal, v_until));
    end loop;
  end if;
  return v_batch.rows;
end
$$;
comment on function audit.seal_batch(timestamptz, integer) is 'Seals the next finished rows, at most so many, a seal for each partition; returns how many. The caller holds the lock of the chain.';
revoke all on function audit.seal_batch(timestamptz, integer) from public;
