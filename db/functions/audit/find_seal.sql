create or replace function audit.find_seal(number bigint, out seal bigint, out digest text, out sealed_at timestamptz, out system_identifier bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select s.number, encode(s.digest, 'hex'), s.sealed_at, s.system_identifier
  into seal, find_seal.digest, find_seal.sealed_at, find_seal.system_identifier
  from audit.seals s
  where find_seal.number is null or s.number = find_seal.number
  order by s.number desc limit 1;
end
$$;
comment on function audit.find_seal(bigint) is 'A seal by its number, null: the newest; null where there is none.';
revoke all on function audit.find_seal(bigint) from public;
grant execute on function audit.find_seal(bigint) to roster_owner;
