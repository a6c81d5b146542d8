-- Where a superuser installed this, ownership is not all that protects the log. Whoever has got hold of its owner, by a
-- membership or by SET ROLE, runs no DDL in this database; and the owner's own functions, whatever they may be made to do,
-- leave the log as closed as it was.
create or replace function audit.tg__guard_ddl() returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_who     name := coalesce(nullif(current_setting('role'), 'none')::name, session_user);
  v_problem text;
begin
  if (select r.rolsuper from pg_roles r where r.rolname = session_user) then
    return;
  end if;
  if tg_event = 'ddl_command_start' then
    if pg_has_role(v_who, 'roster_audit_owner', 'member') then
      v_problem := 'Nobody acts as roster_audit_owner.';
    elsif current_user = 'roster_audit_owner'
      and tg_tag <> all (array['CREATE TABLE', 'ALTER TABLE', 'DROP TABLE', 'CREATE TRIGGER', 'COMMENT']) then
      v_problem := 'The functions of the audit log make and drop partitions, nothing else.';
    end if;
  elsif tg_event = 'ddl_command_end' then
    if current_user = 'roster_audit_owner' then
      v_problem := audit.opening();
    -- The script of a trusted extension runs as a superuser, whoever creates it.
    elsif exists (select from pg_event_trigger_ddl_commands() c where c.schema_name = 'audit') then
      v_problem := 'Nothing is made in the schema of the audit log.';
    -- By the catalog's own rows: names are not looked up for who may not use their schema.
    elsif exists (
      select from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      where (n.nspname, p.proname) = ('audit', 'tg__record_change') and t.tgenabled <> 'O') then
      v_problem := 'A table would change without a row in the audit log.';
    end if;
  elsif exists (
    select from pg_event_trigger_dropped_objects() d
    where d.object_type = 'trigger' and d.original and d.object_identity like '\_900\_record\_change on %') then
    v_problem := 'A table would change without a row in the audit log.';
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'insufficient_privilege', message = v_problem, detail = 'audit_append_only',
      hint = 'Migrate as the superuser that installed pgroster.';
  end if;
end
$$;
comment on function audit.tg__guard_ddl() is 'Refuses DDL that would open the audit log, or switch it off for a table, to everybody but superusers.';
revoke all on function audit.tg__guard_ddl() from public;
