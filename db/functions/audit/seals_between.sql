create or replace function audit.seals_between("from" timestamptz, "to" timestamptz, out first bigint, out last bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  first := case when seals_between."from" is null then 1 else (
    select s.number from audit.seals s where s.sealed_at >= seals_between."from" order by s.sealed_at, s.number limit 1) end;
  last := case when seals_between."to" is null then (select max(s.number) from audit.seals s) else (
    select s.number from audit.seals s where s.sealed_at < seals_between."to" order by s.sealed_at desc, s.number desc limit 1) end;
  if first is null or last is null then
    first := 1;
    last := 0;
  end if;
end
$$;
comment on function audit.seals_between(timestamptz, timestamptz) is 'Numbers of the first and the last seal made in a time (null: open).';
revoke all on function audit.seals_between(timestamptz, timestamptz) from public;
grant execute on function audit.seals_between(timestamptz, timestamptz) to roster_owner;
