create or replace function audit.export_rows(seal bigint)
returns table (content text, values_salt text, values_text text, origin_salt text, origin_text text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seal audit.seals := (select s from audit.seals s where s.number = export_rows.seal and s.kind = 'rows');
  v_end  bigint := audit.epoch_end(v_seal.epoch);
begin
  return query
    select r.content,
           encode(r.values_salt, 'hex'), case when r.values_salt is not null then r.values_text end,
           encode(r.origin_salt, 'hex'), case when r.origin_salt is not null then r.origin_text end
    from audit.rows_of(v_seal, v_end) r
    order by r.id;
end
$$;
comment on function audit.export_rows(bigint) is 'The rows under a seal in the order of ids, as their digests were taken; what was erased is null.';
revoke all on function audit.export_rows(bigint) from public;
grant execute on function audit.export_rows(bigint) to roster_owner;
