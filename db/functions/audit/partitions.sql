-- What can still get rows is not sealed for good: a month is over when its last transaction has ended, which shows by
-- nothing of it waiting behind the last seal.
create or replace function audit.partitions()
returns table (month date, rows bigint, first_seal bigint, last_seal bigint, unsealed bigint, is_dropped boolean, archive text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last audit.seals;
begin
  select s.* into v_last from audit.seals s order by s.number desc limit 1;
  return query
    with months as (
      select to_date(right(c.relname, 7), 'YYYY_MM') as month, true as is_there
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'audit.audit_logs'::regclass
    ), sealed as (
      select s.month, sum(s.row_count)::bigint as rows, min(s.number) as first_seal, max(s.number) as last_seal
      from audit.seals s where s.kind = 'rows' group by s.month
    )
    select coalesce(m.month, s.month), coalesce(s.rows, 0), s.first_seal, s.last_seal,
           (select count(*) from audit.waiting(v_last) l
            where l.occurred_at >= coalesce(m.month, s.month)::timestamp at time zone 'UTC'
              and l.occurred_at < (coalesce(m.month, s.month) + interval '1 month') at time zone 'UTC'),
           m.is_there is null,
           (select a.file_name from audit.archives a
            where a.month = coalesce(m.month, s.month) and a.last_seal = s.last_seal order by a.archived_at desc limit 1)
    from months m full join sealed s on s.month = m.month
    order by 1;
end
$$;
comment on function audit.partitions() is 'The months of the log: how many rows are sealed by which seals, how many wait, whether the partition has gone, and the name of its newest complete archive.';
revoke all on function audit.partitions() from public;
grant execute on function audit.partitions() to roster_owner;
