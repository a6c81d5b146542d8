create or replace function admin.audit_head(
  number bigint default null, out seal bigint, out digest text, out sealed_at timestamptz, out system_identifier bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select s.seal, s.digest, s.sealed_at, s.system_identifier
  into seal, audit_head.digest, audit_head.sealed_at, audit_head.system_identifier
  from audit.find_seal(audit_head.number) s;
end
$$;
comment on function admin.audit_head(bigint) is 'The newest seal of the audit log, or the one of a number: its number and its digest (hex). Kept elsewhere, it tells later whether the chain up to it was made anew; `pgroster audit head` signs it.';
revoke all on function admin.audit_head(bigint) from public;
grant execute on function admin.audit_head(bigint) to roster_dba, roster_auditor;
