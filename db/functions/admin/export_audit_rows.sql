create or replace function admin.export_audit_rows(seal bigint)
returns table (content text, values_salt text, values_text text, origin_salt text, origin_text text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select r.content, r.values_salt, r.values_text, r.origin_salt, r.origin_text
    from audit.export_rows(export_audit_rows.seal) r;
end
$$;
comment on function admin.export_audit_rows(bigint) is 'The rows under one seal of the audit log, as `pgroster audit archive` writes them.';
revoke all on function admin.export_audit_rows(bigint) from public;
grant execute on function admin.export_audit_rows(bigint) to roster_dba;
