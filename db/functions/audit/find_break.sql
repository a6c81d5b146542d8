-- The digest over all rows says whether one does not fit, the short checks which.
create or replace function audit.find_break(seal audit.seals, until_id bigint, out problem text, out row_id bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows record;
begin
  select count(*) as row_count, coalesce(sha256(string_agg(sha256(convert_to(r.content, 'UTF8')), '' order by r.id)), '') as digest,
         bool_and(r.values_hold and r.origin_holds) as hold,
         bool_or(r.values_salt is null or r.origin_salt is null) as are_erased
  into v_rows from audit.rows_of(find_break.seal, until_id) r;
  if v_rows.row_count = seal.row_count and v_rows.digest = seal.rows_digest and v_rows.hold and not v_rows.are_erased then
    return;
  end if;
  with expected as (
    select e.id, substr(seal.checks, (e.place::integer - 1) * 8 + 1, 8) as digest
    from (select i.id, row_number() over (order by i.id) as place
          from unnest(seal.ids) range, generate_series(lower(range), upper(range) - 1) i (id)) e
  ), found as (
    select r.id, substr(sha256(convert_to(r.content, 'UTF8')), 1, 8) as digest, r.values_hold, r.origin_holds,
           case when r.values_salt is null then audit.was_erased(r.user_id) else true end
           and case when r.origin_salt is null then audit.was_erased(coalesce(r.actor_user_id, r.user_id)) else true end as is_accounted
    from audit.rows_of(find_break.seal, until_id) r
  )
  select coalesce(e.id, f.id),
         case when f.id is null then 'row_missing' when e.id is null then 'row_added'
              when f.digest <> e.digest then 'row_changed' when not f.values_hold then 'values_changed'
              when not f.origin_holds then 'origin_changed' else 'erased_unrecorded' end
  into row_id, problem
  from expected e full join found f on f.id = e.id
  where f.id is null or e.id is null or f.digest <> e.digest or not (f.values_hold and f.origin_holds and f.is_accounted)
  order by 1 limit 1;
  if problem is null and (v_rows.row_count <> seal.row_count or v_rows.digest <> seal.rows_digest) then
    problem := 'seal_changed';
  end if;
end
$$;
comment on function audit.find_break(audit.seals, bigint) is 'The first row that is not as a seal says: row_missing, row_added, row_changed, values_changed, origin_changed, erased_unrecorded; seal_changed where the seal does not fit itself.';
revoke all on function audit.find_break(audit.seals, bigint) from public;
