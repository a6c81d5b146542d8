-- Revert pgroster:consents from pg

begin;
set local role roster_owner;
drop table app.consents;
delete from app.schema_migrations where step = 'consents';
commit;
