-- Until the log that has come from another cluster is sealed there, its old epoch ends with what was sealed.
create or replace function audit.epoch_end(epoch integer) returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last audit.seals;
  v_end  bigint := (select s.after_id from audit.seals s where s.epoch > epoch_end.epoch order by s.epoch, s.number limit 1);
begin
  if v_end is null then
    select s.* into v_last from audit.seals s order by s.number desc limit 1;
    v_end := case
      when v_last.system_identifier <> audit.system_identifier()
        or v_last.to_transaction > pg_snapshot_xmin(pg_current_snapshot()) then v_last.last_id
      else 9223372036854775807 end;
  end if;
  return v_end;
end
$$;
comment on function audit.epoch_end(integer) is 'The greatest id that a row of an epoch can have.';
revoke all on function audit.epoch_end(integer) from public;
