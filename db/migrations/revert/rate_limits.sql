-- Revert pgroster:rate_limits from pg

begin;
set local role roster_owner;
drop trigger _900_record_change on app.settings;
drop trigger _000_refuse_truncate on app.settings;
drop trigger _900_record_change on private.secrets;
drop trigger _000_refuse_truncate on private.secrets;
drop table app.rate_limits, app.rate_limit_policies;
delete from app.schema_migrations where step = 'rate_limits';
commit;
