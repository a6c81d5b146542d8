-- Revert pgroster:functions from pg
-- What is left is what the steps before had made, so that they can be reverted and deployed again.

begin;
\ir ../../functions/remove.sql
set local role roster_owner;
delete from app.schema_migrations where step = 'functions';
commit;
