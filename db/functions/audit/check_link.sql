-- A partition is not dropped before its year is over, by the real clock and whatever the settings say: who claims so wants
-- rows not to be missed.
create or replace function audit.check_link(seal audit.seals, previous audit.seals) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected audit.seals := audit.next_seal(previous, seal.sealed_at);
begin
  if seal.number <> coalesce(previous.number, 0) + 1 then
    return 'seal_missing';
  elsif seal.digest <> sha256(convert_to(audit.seal_text(seal), 'UTF8'))
     or seal.previous_digest <> coalesce(previous.digest, decode(repeat('00', 32), 'hex')) then
    return 'seal_changed';
  elsif seal.kind = 'drop' and (seal.month + interval '13 months') at time zone 'UTC' > least(seal.sealed_at, clock_timestamp()) then
    return 'seal_misplaced';
  elsif (seal.epoch, seal.after_id, seal.from_transaction, seal.from_id)
      = (v_expected.epoch, v_expected.after_id, v_expected.from_transaction, v_expected.from_id)
     -- The next epoch begins anew, behind all ids of the one before,
     or (seal.epoch, seal.from_transaction, seal.from_id) = (v_expected.epoch + 1, '0'::xid8, 0::bigint)
        and seal.after_id >= v_expected.last_id
     -- and a batch has a seal for each month.
     or seal.month > previous.month
        and (seal.epoch, seal.from_transaction, seal.from_id, seal.to_transaction, seal.to_id)
          = (previous.epoch, previous.from_transaction, previous.from_id, previous.to_transaction, previous.to_id) then
    return null;
  end if;
  return 'seal_misplaced';
end
$$;
comment on function audit.check_link(audit.seals, audit.seals) is 'Whether a seal follows the one before it (null: is the first): null, or seal_missing (between the two), seal_changed, seal_misplaced.';
revoke all on function audit.check_link(audit.seals, audit.seals) from public;
