-- Revert pgroster:seals from pg

begin;
\ir ../join_audit_owner.sql
drop event trigger if exists pgroster_guard_start;
drop event trigger if exists pgroster_guard_end;
drop event trigger if exists pgroster_guard_drop;
set local role roster_owner;
delete from app.jobs where name in ('seal_audit', 'drop_expired_audit');
set local role roster_audit_owner;
drop function if exists audit.tg__guard_ddl, audit.opening;
drop view audit.sealed_rows;
drop table audit.archives, audit.seals;
set local role roster_owner;
delete from app.schema_migrations where step = 'seals';
set local role none;
\ir ../leave_audit_owner.sql
commit;
