create or replace function audit.page_of_seals(first bigint, last bigint, max_rows bigint, out last_of_page bigint, out digest bytea)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select p.number, p.digest into last_of_page, page_of_seals.digest
  from (select s.number, s.digest, sum(s.row_count) over (order by s.number) - s.row_count as rows_before
        from audit.seals s
        where s.number between page_of_seals.first and least(page_of_seals.last, page_of_seals.first + 1999)) p
  where p.rows_before < max_rows
  order by p.number desc limit 1;
end
$$;
comment on function audit.page_of_seals(bigint, bigint, bigint) is 'The last of the seals from first to last, and its digest, that together cover about so many rows; null where there is none.';
revoke all on function audit.page_of_seals(bigint, bigint, bigint) from public;
grant execute on function audit.page_of_seals(bigint, bigint, bigint) to roster_owner;
