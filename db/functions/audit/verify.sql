-- One snapshot for all of it: what is sealed meanwhile is for the next time.
create or replace function audit.verify(
  first bigint, last bigint, out seals bigint, out rows bigint, out problem text, out seal bigint, out row_id bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seal     audit.seals;
  v_previous audit.seals;
  v_dropped  date[] := array(select s.month from audit.seals s where s.kind = 'drop');
  v_epoch    integer;
  v_end      bigint;
begin
  seals := 0;
  rows := 0;
  select s.* into v_previous from audit.seals s where s.number = verify.first - 1;
  for v_seal in
    select s.* from audit.seals s where s.number between verify.first and verify.last order by s.number
  loop
    problem := audit.check_link(v_seal, v_previous);
    if problem is null and v_seal.kind = 'rows' and v_seal.month <> all (v_dropped) then
      if v_epoch is distinct from v_seal.epoch then
        v_epoch := v_seal.epoch;
        v_end := audit.epoch_end(v_epoch);
      end if;
      select b.problem, b.row_id into problem, row_id from audit.find_break(v_seal, v_end) b;
      rows := rows + v_seal.row_count;
    end if;
    if problem is not null then
      seal := v_seal.number;
      return;
    end if;
    seals := seals + 1;
    v_previous := v_seal;
  end loop;
  row_id := audit.find_stray(verify.first, verify.last);
  if row_id is not null then
    problem := 'row_added';
  end if;
end
$$;
comment on function audit.verify(bigint, bigint) is 'Checks the seals first to last and the rows that they cover; stops at the first that does not fit. problem: seal_missing, seal_changed, seal_misplaced, or as audit.find_break() has it.';
revoke all on function audit.verify(bigint, bigint) from public;
grant execute on function audit.verify(bigint, bigint) to roster_owner;
