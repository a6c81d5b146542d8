-- Revert pgroster:audit from pg

begin;
\ir ../join_audit_owner.sql
set local role roster_owner;
set local role roster_audit_owner;
drop function if exists audit.tg__record_change, audit.record_event, audit.append, audit.create_partitions;
drop table audit.audit_logs;
drop function if exists audit.tg__refuse_change, audit.tg__erase_only, audit.origin_digest, audit.values_digest;
set local role roster_owner;
drop function if exists private.has_permission, private.is_dba, private.current_user_id, private.current_actor;
drop function if exists private.in_scope, private.is_api_key;
delete from app.schema_migrations where step = 'audit';
set local role none;
\ir ../leave_audit_owner.sql
commit;
