-- Revert pgroster:reporting from pg

begin;
\ir ../join_audit_owner.sql
set local role roster_owner;
drop materialized view reporting.v_active_users_summary;
drop view reporting.v_users_complete, reporting.v_audit_events;
delete from app.jobs where name = 'refresh_reporting';
set local role roster_audit_owner;
drop view audit.user_audit_log;
drop policy audit_logs_count on audit.audit_logs;
revoke select (id, occurred_at, action, entity, route, request_id, changed_fields, details) on audit.audit_logs from roster_owner;
set local role roster_owner;
delete from app.schema_migrations where step = 'reporting';
set local role none;
\ir ../leave_audit_owner.sql
commit;
