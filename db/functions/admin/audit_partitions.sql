create or replace function admin.audit_partitions()
returns table (
  month date, rows bigint, first_seal bigint, last_seal bigint, unsealed bigint, is_expired boolean, is_dropped boolean,
  archive text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select p.month, p.rows, p.first_seal, p.last_seal, p.unsealed,
           (p.month + interval '1 month') at time zone 'UTC' <= private.now() - (select s.audit_retention from app.settings s),
           p.is_dropped, p.archive
    from audit.partitions() p;
end
$$;
comment on function admin.audit_partitions() is 'The months of the audit log: how many rows are sealed by which seals, how many wait for one, whether the retention has passed, whether the partition was dropped, and the newest archive that holds all of it.';
revoke all on function admin.audit_partitions() from public;
grant execute on function admin.audit_partitions() to roster_dba, roster_auditor;
