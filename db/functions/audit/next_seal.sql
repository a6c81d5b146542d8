-- Epoch 0 has no rows but those that a restored log brought along.
create or replace function audit.next_seal(last audit.seals, at timestamptz) returns audit.seals
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  last.kind := 'rows';
  last.epoch := coalesce(last.epoch, 0);
  last.after_id := coalesce(last.after_id, 0);
  last.last_id := coalesce(last.last_id, 0);
  last.system_identifier := coalesce(last.system_identifier, audit.system_identifier());
  last.from_transaction := coalesce(last.to_transaction, '0');
  last.from_id := coalesce(last.to_id, 0);
  last.sealed_at := next_seal.at;
  return last;
end
$$;
comment on function audit.next_seal(audit.seals, timestamptz) is 'A seal that goes on where the last one (null: none) ends.';
revoke all on function audit.next_seal(audit.seals, timestamptz) from public;
