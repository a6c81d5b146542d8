-- The database cannot look at the file; what it knows is what the file should hold.
create or replace function admin.record_audit_archive(
  month date, file_digest bytea, file_name text, file_size bigint, row_count bigint, last_seal bigint) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not audit.record_archive(month, file_digest, file_name, file_size, row_count, last_seal, private.now()) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('An archive with %s rows up to seal %s is not all of %s.', row_count, last_seal, to_char(month, 'YYYY-MM')),
      hint = 'Archive a month that has ended and is sealed, and do it again where rows have come since.';
  end if;
  perform audit.record_event('audit_partitions.archived', null, jsonb_build_object(
    'month', to_char(month, 'YYYY-MM'), 'rows', row_count, 'last_seal', last_seal, 'file', file_name,
    'sha256', encode(file_digest, 'hex')));
end
$$;
comment on function admin.record_audit_archive(date, bytea, text, bigint, bigint, bigint) is 'Records that a file (its SHA-256, name and size) holds a whole month of the audit log, so that drop_expired_audit() may drop it once its retention has passed. `pgroster audit archive` calls it.';
revoke all on function admin.record_audit_archive(date, bytea, text, bigint, bigint, bigint) from public;
grant execute on function admin.record_audit_archive(date, bytea, text, bigint, bigint, bigint) to roster_dba;
