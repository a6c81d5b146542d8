-- Revert pgroster:api_keys from pg

begin;
set local role roster_owner;
drop view private.live_api_keys;
drop table app.api_keys;
drop domain app.api_key_name;
delete from app.schema_migrations where step = 'api_keys';
commit;
