-- What somebody looks at is an event of its own; this only reads, so that it can run on a replica.
create or replace function admin.verify_audit(
  "from" timestamptz default null, "to" timestamptz default null,
  out is_intact boolean, out seals bigint, out rows bigint, out unsealed bigint,
  out problem text, out seal bigint, out row_id bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_range record := audit.seals_between("from", "to");
begin
  select v.seals, v.rows, v.problem, v.seal, v.row_id into seals, rows, problem, seal, row_id
  from audit.verify(v_range.first, v_range.last) v;
  if verify_audit."to" is null then
    select u.rows, coalesce(problem, case when u.row_from_nowhere is not null then 'row_added' end), coalesce(row_id, u.row_from_nowhere)
    into unsealed, problem, row_id
    from audit.unsealed() u;
  end if;
  is_intact := problem is null;
end
$$;
comment on function admin.verify_audit(timestamptz, timestamptz) is 'Verifies the audit log: the seals made from one time to another (null: all), and every row that they cover. Returns the first that does not fit: problem, seal and row_id, which docs/audit.md explains. unsealed: rows that wait for their seal.';
revoke all on function admin.verify_audit(timestamptz, timestamptz) from public;
grant execute on function admin.verify_audit(timestamptz, timestamptz) to roster_dba, roster_auditor;
