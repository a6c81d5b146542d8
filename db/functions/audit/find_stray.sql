-- What a seal's own rows cannot tell: a row that stands among sealed ones and that no seal has, in whichever partition;
-- also where a partition that was dropped is there again.
create or replace function audit.find_stray(first bigint, last bigint) returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_dropped date[] := array(select s.month from audit.seals s where s.kind = 'drop');
  v_epoch   record;
  v_end     bigint;
  v_stray   bigint;
begin
  for v_epoch in
    select s.epoch, min(s.after_id) as after_id, (array_agg(s.from_transaction order by s.number))[1] as from_transaction,
           (array_agg(s.from_id order by s.number))[1] as from_id,
           (array_agg(s.to_transaction order by s.number desc))[1] as to_transaction,
           (array_agg(s.to_id order by s.number desc))[1] as to_id,
           max(s.number) as last_number,
           -- A batch has a seal for each of its months; those that are not asked for are close by.
           coalesce((
             select range_agg(n.ids) from audit.seals n
             where n.number between find_stray.first - 1000 and find_stray.last + 1000
               and n.epoch = s.epoch and n.month <> all (v_dropped)), '{}') as ids
    from audit.seals s
    where s.number between find_stray.first and find_stray.last
    group by s.epoch order by s.epoch
  loop
    v_end := audit.epoch_end(v_epoch.epoch);
    -- Behind the last seal of an epoch that has ended nothing waits.
    if exists (select from audit.seals s where s.number = v_epoch.last_number + 1 and s.epoch > v_epoch.epoch) then
      v_epoch.to_transaction := '18446744073709551615';
    end if;
    select l.id into v_stray
    from audit.audit_logs l
    where (l.transaction_id, l.id) >= (v_epoch.from_transaction, v_epoch.from_id)
      and (l.transaction_id, l.id) < (v_epoch.to_transaction, v_epoch.to_id)
      and l.id > v_epoch.after_id and l.id <= v_end and not l.id <@ v_epoch.ids
    order by l.id limit 1;
    exit when v_stray is not null;
  end loop;
  return v_stray;
end
$$;
comment on function audit.find_stray(bigint, bigint) is 'A row among those of the seals first to last that none of them covers; null where there is none.';
revoke all on function audit.find_stray(bigint, bigint) from public;
