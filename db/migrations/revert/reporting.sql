-- Revert pgroster:reporting from pg

begin;
\ir ../join_audit_owner.sql
set local role roster_owner;
drop materialized view reporting.v_active_users_summary;
drop view reporting.v_users_complete;
delete from app.jobs where name = 'refresh_reporting';
set local role roster_audit_owner;
drop view audit.user_audit_log;
set local role roster_owner;
delete from app.schema_migrations where step = 'reporting';
set local role none;
\ir ../leave_audit_owner.sql
commit;
