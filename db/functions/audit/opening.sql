-- By what is there afterwards, not by what somebody seemed to do.
create or replace function audit.opening() returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tables oid[] := array['audit.audit_logs', 'audit.seals', 'audit.archives']::regclass[]::oid[]
    || array(select i.inhrelid from pg_inherits i where i.inhparent = 'audit.audit_logs'::regclass);
begin
  return case
    when exists (
      select from pg_class c
      where c.oid = any (v_tables)
        and (not c.relrowsecurity or not c.relforcerowsecurity or c.relowner <> 'roster_audit_owner'::regrole or c.relpersistence <> 'p'))
      or exists (select from pg_attribute a where a.attrelid = any (v_tables) and a.attisdropped)
      or exists (
        select from pg_attrdef d
        where d.adrelid = any (v_tables) and pg_get_expr(d.adbin, d.adrelid) <> all (array[
          'nextval(''audit.audit_logs_id_seq''::regclass)', 'pg_current_xact_id()', '''rows''::text']))
      or to_regclass('audit.sealed_rows') is null then
      'A table of the audit log would be open, or lack something.'
    when exists (
      select from unnest(v_tables) t (oid)
      where (select count(*) from pg_trigger g
             where g.tgrelid = t.oid and g.tgenabled = 'O' and g.tgfoid = 'audit.tg__refuse_change()'::regprocedure) < 2) then
      'A table of the audit log would lack the triggers that refuse changes.'
    when exists (
      select from pg_trigger g
      where g.tgrelid = any (v_tables) and not g.tgisinternal
        and (g.tgenabled <> 'O' or g.tgname <> all (array['_000_erase_only', '_000_refuse_change', '_001_refuse_truncate'])))
      or exists (
      select from pg_inherits i where i.inhparent = 'audit.audit_logs'::regclass and not exists (
        select from pg_trigger g where g.tgrelid = i.inhrelid and g.tgfoid = 'audit.tg__erase_only()'::regprocedure)) then
      'A table of the audit log would have other triggers.'
    when exists (
      select
      from generate_series((select min(s.month) from audit.seals s), (select max(s.month) from audit.seals s), '1 month') m (month)
      where (select s.kind from audit.seals s where s.month = m.month::date order by s.number desc limit 1) = 'rows'
        and not exists (
          select from pg_inherits i
          where i.inhparent = 'audit.audit_logs'::regclass
            and i.inhrelid = to_regclass('audit.audit_logs_' || to_char(m.month, 'YYYY_MM')))) then
      'Sealed rows would leave the audit log.'
    end;
end
$$;
comment on function audit.opening() is 'What is open about the audit log: a table without its row-level security, owner or triggers, a sealed month without its partition; null where nothing is.';
revoke all on function audit.opening() from public;
