create or replace function audit.cover(seal audit.seals, until_id bigint) returns audit.seals
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select count(*), range_agg(int8range(r.id, r.id, '[]')), string_agg(substr(r.digest, 1, 8), '' order by r.id),
         sha256(string_agg(r.digest, '' order by r.id))
  into seal.row_count, seal.ids, seal.checks, seal.rows_digest
  from (select c.id, sha256(convert_to(c.content, 'UTF8')) as digest from audit.rows_of(seal, cover.until_id) c) r;
  return seal;
end
$$;
comment on function audit.cover(audit.seals, bigint) is 'A seal with the digests of the rows that it covers.';
revoke all on function audit.cover(audit.seals, bigint) from public;
