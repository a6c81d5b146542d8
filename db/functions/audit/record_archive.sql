create or replace function audit.record_archive(
  month date, file_digest bytea, file_name text, file_size bigint, row_count bigint, last_seal bigint, at timestamptz) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from audit.partitions() p
    where p.month = record_archive.month and not p.is_dropped and p.unsealed = 0
      and (p.rows, p.last_seal) = (record_archive.row_count, record_archive.last_seal)) then
    return false;
  end if;
  insert into audit.archives (month, file_digest, file_name, file_size, row_count, last_seal, archived_at, database_role)
  values (record_archive.month, record_archive.file_digest, record_archive.file_name, record_archive.file_size,
          record_archive.row_count, record_archive.last_seal, record_archive.at, session_user)
  on conflict on constraint archives_pkey do nothing;
  return true;
end
$$;
comment on function audit.record_archive(date, bytea, text, bigint, bigint, bigint, timestamptz) is 'Records that a file holds a whole partition; false where it does not: rows or seals have come since, some wait for a seal, or the partition has gone.';
revoke all on function audit.record_archive(date, bytea, text, bigint, bigint, bigint, timestamptz) from public;
grant execute on function audit.record_archive(date, bytea, text, bigint, bigint, bigint, timestamptz) to roster_owner;
