-- Revert pgroster:operations from pg

begin;
set local role roster_owner;
drop type http.password_rules;
drop table http.deployed, app.idempotency_keys, app.jobs;
drop domain app.stored_answer;
drop function if exists private.tg__record_postponement, private.ids_in;
delete from app.schema_migrations where step = 'operations';
commit;
