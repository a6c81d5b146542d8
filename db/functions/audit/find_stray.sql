-- What a seal's own rows cannot tell: a row that stands among sealed ones and that no seal has, in whichever partition and
-- under whichever id; also where a partition that was dropped is there again. Since the seals' own rows have been checked,
-- their number tells whether there is one.
create or replace function audit.find_stray(first bigint, last bigint) returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_dropped date[] := array(select s.month from audit.seals s where s.kind = 'drop');
  v_least   bigint := -9223372036854775808;
  v_epoch   record;
  v_sealed  bigint;
  v_stray   bigint;
begin
  for v_epoch in
    select s.epoch, min(s.number) as first_number, max(s.number) as last_number, min(s.after_id) as after_id,
           (array_agg(s.from_transaction order by s.number))[1] as from_transaction,
           (array_agg(s.from_id order by s.number))[1] as from_id,
           (array_agg(s.to_transaction order by s.number desc))[1] as to_transaction,
           (array_agg(s.to_id order by s.number desc))[1] as to_id,
           audit.epoch_end(s.epoch) as until_id
    from audit.seals s
    where s.number between find_stray.first and find_stray.last
    group by s.epoch order by s.epoch
  loop
    -- A batch has a seal for each of its months; those that are not asked for are close by.
    select coalesce(sum(s.row_count), 0)::bigint into v_sealed
    from audit.seals s
    where s.number between find_stray.first - 1000 and find_stray.last + 1000
      and s.epoch = v_epoch.epoch and s.kind = 'rows' and s.month <> all (v_dropped)
      and (s.from_transaction, s.from_id) >= (v_epoch.from_transaction, v_epoch.from_id)
      and (s.to_transaction, s.to_id) <= (v_epoch.to_transaction, v_epoch.to_id);
    -- Before the first seal stands nothing, and behind the last one of an epoch that has ended nothing waits.
    if v_epoch.first_number = 1 then
      v_epoch.after_id := v_least;
      v_epoch.from_id := v_least;
    end if;
    if exists (select from audit.seals s where s.number = v_epoch.last_number + 1 and s.epoch > v_epoch.epoch) then
      v_epoch.to_transaction := '18446744073709551615';
    end if;
    continue when v_sealed = (
      select count(*) from audit.places(
        v_epoch.from_transaction, v_epoch.from_id, v_epoch.to_transaction, v_epoch.to_id, v_epoch.after_id, v_epoch.until_id));
    select min(l.id) into v_stray
    from audit.places(
      v_epoch.from_transaction, v_epoch.from_id, v_epoch.to_transaction, v_epoch.to_id, v_epoch.after_id, v_epoch.until_id) l
    where not exists (
      select from audit.seals s
      where s.epoch = v_epoch.epoch and s.kind = 'rows' and s.month <> all (v_dropped)
        and s.month = date_trunc('month', l.occurred_at at time zone 'UTC')::date and s.ids @> l.id
        and (l.transaction_id, l.id) >= (s.from_transaction, s.from_id) and (l.transaction_id, l.id) < (s.to_transaction, s.to_id));
    exit when v_stray is not null;
  end loop;
  return v_stray;
end
$$;
comment on function audit.find_stray(bigint, bigint) is 'A row among those of the seals first to last that none of them covers; null where there is none.';
revoke all on function audit.find_stray(bigint, bigint) from public;
