-- The caller holds the lock of the chain and says what the seal covers.
create or replace function audit.add_seal(seal audit.seals) returns audit.seals
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last audit.seals;
begin
  select s.* into v_last from audit.seals s order by s.number desc limit 1;
  seal.number := coalesce(v_last.number, 0) + 1;
  seal.previous_digest := coalesce(v_last.digest, decode(repeat('00', 32), 'hex'));
  seal.digest := sha256(convert_to(audit.seal_text(seal), 'UTF8'));
  insert into audit.seals select seal.*;
  return seal;
end
$$;
comment on function audit.add_seal(audit.seals) is 'Appends a seal to the chain: gives it its number, and its digest over the one before and all that it says.';
revoke all on function audit.add_seal(audit.seals) from public;
