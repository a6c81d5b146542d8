-- Verify pgroster:reporting on pg

begin;
select 'reporting.v_users_complete'::regclass, 'reporting.v_audit_events'::regclass, 'reporting.v_active_users_summary'::regclass, 'audit.user_audit_log'::regclass;
rollback;
