create or replace function audit.seals_between("from" timestamptz, "to" timestamptz, out first bigint, out last bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select coalesce(min(s.number), 1), coalesce(max(s.number), 0) into first, last
  from audit.seals s
  where (seals_between."from" is null or s.sealed_at >= seals_between."from")
    and (seals_between."to" is null or s.sealed_at < seals_between."to");
end
$$;
comment on function audit.seals_between(timestamptz, timestamptz) is 'Numbers of the first and the last seal made in a time (null: open).';
revoke all on function audit.seals_between(timestamptz, timestamptz) from public;
grant execute on function audit.seals_between(timestamptz, timestamptz) to roster_owner;
