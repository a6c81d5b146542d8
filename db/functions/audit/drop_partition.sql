-- A year is the least that a setting can ask for, by the real clock: also who could move the product's clock, or call this
-- with another time, drops nothing younger. What goes is told by the chain itself, where it cannot be made up or taken
-- back unnoticed.
create or replace function audit.drop_partition(month date, at timestamptz, without_archive boolean) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition record;
  v_seal      audit.seals;
  v_end       timestamptz := (drop_partition.month + interval '1 month') at time zone 'UTC';
begin
  lock table audit.seals in share row exclusive mode;
  select p.* into v_partition from audit.partitions() p where p.month = drop_partition.month and not p.is_dropped;
  if v_partition.month is null then
    return 'missing';
  elsif v_end > clock_timestamp() - interval '1 year' then
    return 'too_young';
  elsif v_partition.unsealed > 0 or not exists (select from audit.seals) then
    return 'unsealed';
  elsif v_partition.archive is null and v_partition.rows > 0 and not without_archive then
    return 'not_archived';
  elsif v_partition.archive is null and v_partition.rows > 0
    and exists (select from audit.verify(v_partition.first_seal, v_partition.last_seal) v where v.problem is not null) then
    return 'broken';
  end if;
  select s.* into v_seal from audit.seals s order by s.number desc limit 1;
  v_seal := audit.next_seal(v_seal, drop_partition.at);
  v_seal.kind := 'drop';
  v_seal.month := drop_partition.month;
  v_seal.row_count := v_partition.rows;
  v_seal.ids := '{}';
  v_seal.checks := '';
  v_seal.rows_digest := coalesce(
    (select a.file_digest from audit.archives a
     where a.month = drop_partition.month and a.last_seal = v_partition.last_seal order by a.archived_at desc limit 1),
    decode(repeat('00', 32), 'hex'));
  perform audit.add_seal(v_seal);
  execute format('drop table audit.%I', 'audit_logs_' || to_char(drop_partition.month, 'YYYY_MM'));
  return 'dropped';
end
$$;
comment on function audit.drop_partition(date, timestamptz, boolean) is 'Drops a whole, sealed and archived partition and puts that into the chain; else says why not: missing, too_young, unsealed, not_archived, broken (one that is not archived has to hold).';
revoke all on function audit.drop_partition(date, timestamptz, boolean) from public;
grant execute on function audit.drop_partition(date, timestamptz, boolean) to roster_owner;
