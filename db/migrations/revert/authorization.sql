-- Revert pgroster:authorization from pg

begin;
set local role roster_owner;
drop table app.user_roles, app.role_permissions, app.roles, app.permissions;
delete from app.schema_migrations where step = 'authorization';
commit;
