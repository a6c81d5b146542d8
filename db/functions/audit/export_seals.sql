create or replace function audit.export_seals(month date)
returns table (number bigint, row_count bigint, content text, digest text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select s.number, s.row_count, audit.seal_text(s), encode(s.digest, 'hex')
    from audit.seals s
    where s.month = export_seals.month and s.kind = 'rows'
    order by s.number;
end
$$;
comment on function audit.export_seals(date) is 'The seals over the rows of one partition, in their order.';
revoke all on function audit.export_seals(date) from public;
grant execute on function audit.export_seals(date) to roster_owner;
