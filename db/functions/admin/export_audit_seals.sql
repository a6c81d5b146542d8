-- Verbatim what their digests were taken over, so that an archive can be verified by nothing but SHA-256.
create or replace function admin.export_audit_seals(month date)
returns table (number bigint, row_count bigint, content text, digest text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select s.number, s.row_count, s.content, s.digest from audit.export_seals(export_audit_seals.month) s;
end
$$;
comment on function admin.export_audit_seals(date) is 'The seals over one month of the audit log in their order: what each says, and its SHA-256 (hex).';
revoke all on function admin.export_audit_seals(date) from public;
grant execute on function admin.export_audit_seals(date) to roster_dba;
