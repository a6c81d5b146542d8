-- Rights are data: permissions, roles that bundle them, and who holds which role until when.

create table app.permissions (
  name        app.permission_name primary key,
  description text not null
);
comment on index app.permissions_pkey is 'One permission: where name = ….';
comment on table app.permissions is 'What can be allowed; routes name these in their @permission tag.';
comment on column app.permissions.name is 'thing:action.';
comment on column app.permissions.description is 'What it allows, for people.';

create table app.roles (
  id          uuid primary key default gen_random_uuid(),
  name        app.role_name not null constraint roles_name_key unique,
  description app.role_description not null default '',
  is_system   boolean not null default false,
  second_factor_required boolean not null default false,
  version     bigint not null default 1,
  created_at  timestamptz not null default private.now(),
  updated_at  timestamptz not null default private.now()
);
comment on index app.roles_pkey is 'The role of an assignment: where id = ….';
comment on index app.roles_name_key is 'A role by its name: where name = ….';
comment on table app.roles is 'Application roles. They have nothing to do with database roles.';
comment on column app.roles.id is 'Key.';
comment on column app.roles.name is 'Name, as routes and tokens show it.';
comment on column app.roles.description is 'What the role is for.';
comment on column app.roles.is_system is 'Whether the product relies on the role, which then cannot be dropped.';
comment on column app.roles.second_factor_required is 'Whether everybody who holds the role and can sign in needs a second factor.';
comment on column app.roles.version is 'Grows with every change of the role or of what it allows; the ETag.';
comment on column app.roles.created_at is 'When the role was made.';
comment on column app.roles.updated_at is 'When the role last changed.';

create table app.role_permissions (
  role_id    uuid not null constraint role_permissions_role_id_fkey references app.roles on delete cascade,
  permission app.permission_name not null constraint role_permissions_permission_fkey references app.permissions,
  primary key (role_id, permission)
);
create index role_permissions_permission on app.role_permissions (permission);
comment on index app.role_permissions_pkey is 'What a role allows: where role_id = ….';
comment on index app.role_permissions_permission is 'Which roles allow something: where permission = ….';
comment on table app.role_permissions is 'Which permissions a role bundles.';
comment on column app.role_permissions.role_id is 'The role.';
comment on column app.role_permissions.permission is 'What it allows.';

create table app.user_roles (
  user_id    uuid not null constraint user_roles_user_id_fkey references app.users on delete cascade,
  role_id    uuid not null constraint user_roles_role_id_fkey references app.roles,
  granted_by uuid constraint user_roles_granted_by_fkey references app.users,
  granted_at timestamptz not null default private.now(),
  expires_at timestamptz,
  primary key (user_id, role_id)
);
create index user_roles_role_id on app.user_roles (role_id, user_id);
create index user_roles_granted_by on app.user_roles (granted_by) where granted_by is not null;
comment on index app.user_roles_pkey is 'The roles of one user: where user_id = ….';
comment on index app.user_roles_role_id is 'Who holds a role, and whether an administrator is left: where role_id = ….';
comment on index app.user_roles_granted_by is 'What one person granted: where granted_by = ….';
comment on table app.user_roles is 'Who holds which role.';
comment on column app.user_roles.user_id is 'Who holds it.';
comment on column app.user_roles.role_id is 'The role.';
comment on column app.user_roles.granted_by is 'Who granted it; null for the system and for operators.';
comment on column app.user_roles.granted_at is 'When it was granted.';
comment on column app.user_roles.expires_at is 'When it ends by itself; null for never.';

insert into app.permissions (name, description) values
  ('users:read',      'See all accounts'),
  ('users:write',     'Create, change, suspend and unlock accounts'),
  ('users:delete',    'Delete and restore accounts'),
  ('sessions:manage', 'See and end other people''s sessions'),
  ('roles:write',     'Create, change and drop roles'),
  ('roles:assign',    'Grant roles to accounts and take them away'),
  ('audit:read',      'Read the audit log'),
  ('api_keys:manage', 'See, make and revoke other people''s API keys');

insert into app.roles (name, description, is_system) values
  ('admin',   'May do everything', true),
  ('support', 'Helps people with their accounts', true),
  ('auditor', 'Reads accounts and the audit log, changes nothing', true),
  ('user',    'Everybody who has an account', true);

insert into app.role_permissions (role_id, permission)
select r.id, p.name
from app.roles r
join app.permissions p on r.name = 'admin'
  or (r.name = 'support' and p.name in ('users:read', 'users:write', 'sessions:manage'))
  or (r.name = 'auditor' and p.name in ('users:read', 'audit:read'));

alter table app.permissions enable row level security;
alter table app.permissions force row level security;
alter table app.roles enable row level security;
alter table app.roles force row level security;
alter table app.role_permissions enable row level security;
alter table app.role_permissions force row level security;
alter table app.user_roles enable row level security;
alter table app.user_roles force row level security;

create policy permissions_owner on app.permissions to roster_owner using (true) with check (true);
create policy permissions_read on app.permissions for select to roster_user using (true);
create policy roles_owner on app.roles to roster_owner using (true) with check (true);
create policy roles_read on app.roles for select to roster_user using (true);
create policy roles_dba on app.roles for update to roster_dba using (true) with check (true);
create policy role_permissions_owner on app.role_permissions to roster_owner using (true) with check (true);
create policy role_permissions_read on app.role_permissions for select to roster_user using (true);
create policy user_roles_owner on app.user_roles to roster_owner using (true) with check (true);
create policy user_roles_read_own on app.user_roles for select to roster_user
  using (user_id = (select private.current_user_id()));
create policy user_roles_read_all on app.user_roles for select to roster_user
  using ((select private.has_permission('users:read')));

-- Only reading is granted: roles are changed by functions that look at the caller's own rights.
grant select on app.permissions, app.roles, app.role_permissions, app.user_roles to roster_user;
grant update (second_factor_required) on app.roles to roster_dba;

create trigger _900_record_change after insert or update or delete on app.permissions
  for each row execute function audit.tg__record_change('', 'name', '', '');
create trigger _000_refuse_truncate before truncate on app.permissions
  for each statement execute function private.tg__refuse_truncate();
create trigger _100_touch before update on app.roles
  for each row when (old.* is distinct from new.*) execute function private.tg__touch();
create trigger _900_record_change after insert or update or delete on app.roles
  for each row execute function audit.tg__record_change('', 'id', '', 'version,updated_at');
create trigger _000_refuse_truncate before truncate on app.roles
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.role_permissions
  for each row execute function audit.tg__record_change('', 'role_id,permission', '', '');
create trigger _000_refuse_truncate before truncate on app.role_permissions
  for each statement execute function private.tg__refuse_truncate();
create trigger _200_touch_owner after insert or update or delete on app.user_roles
  for each row execute function private.tg__touch_owner();
create trigger _900_record_change after insert or update or delete on app.user_roles
  for each row execute function audit.tg__record_change('user_id', 'user_id,role_id', '', '');
create trigger _000_refuse_truncate before truncate on app.user_roles
  for each statement execute function private.tg__refuse_truncate();
