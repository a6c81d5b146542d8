-- Revert pgroster:consents from pg

begin;
set local role roster_owner;
drop table app.erasures, app.consents;
delete from app.schema_migrations where step = 'consents';
commit;
