-- Keys for programs: each stands for its owner, for a part of what the owner may do, until it is revoked or expires.

create domain app.api_key_name as text
  constraint api_key_name_length check (char_length(value) between 1 and 100)
  constraint api_key_name_form check (value ~ '^[^<>[:cntrl:]\u2028-\u202e\u2066-\u2069]+$');
comment on domain app.api_key_name is 'What a key is for, 1 to 100 characters.';

create table app.api_keys (
  id           uuid primary key default private.uuid_v7(),
  user_id      uuid not null constraint api_keys_user_id_fkey references app.users on delete cascade,
  name         app.api_key_name not null,
  prefix       text not null constraint api_keys_prefix_form check (prefix ~ '^pgr_[0-9A-Za-z]{8}$'),
  secret_hash  app.digest not null constraint api_keys_secret_hash_key unique,
  scopes       text[] not null,
  created_at   timestamptz not null default private.now(),
  last_used_at timestamptz,
  expires_at   timestamptz,
  revoked_at   timestamptz
);
create index api_keys_user_id on app.api_keys (user_id, created_at, id);
create index api_keys_ended on app.api_keys ((coalesce(revoked_at, expires_at)));
comment on index app.api_keys_pkey is 'One key by its id: where id = ….';
comment on index app.api_keys_secret_hash_key is 'The identity of a request with a key: where secret_hash = ….';
comment on index app.api_keys_user_id is 'The keys of a person: where user_id = … order by created_at, id.';
comment on index app.api_keys_ended is 'Keys past their end, for cleaning up: where coalesce(revoked_at, expires_at) < ….';
comment on table app.api_keys is 'API keys as digests. A key may do what its scopes name and its owner may, both at the moment of the request.';
comment on column app.api_keys.id is 'Public id, which listings and the audit log show.';
comment on column app.api_keys.user_id is 'Whose key it is.';
comment on column app.api_keys.name is 'What it is for.';
comment on column app.api_keys.prefix is 'How the key begins, to tell which one it is that somebody holds.';
comment on column app.api_keys.secret_hash is 'SHA-256 of the key.';
comment on column app.api_keys.scopes is 'Names of the permissions that it may use.';
comment on column app.api_keys.created_at is 'When it was made.';
comment on column app.api_keys.last_used_at is 'Last use, to within five minutes; null: never.';
comment on column app.api_keys.expires_at is 'When it ends by itself; null: never.';
comment on column app.api_keys.revoked_at is 'When it was revoked; null while it lives.';

-- Which keys count is said once. A suspended owner's keys rest; they work again when the owner does.
create view private.live_api_keys with (security_barrier) as
  select k.id, k.user_id, k.secret_hash, k.scopes, k.last_used_at
  from app.api_keys k
  join app.users u on u.id = k.user_id
  where k.revoked_at is null
    and coalesce(k.expires_at, 'infinity') > private.now()
    and u.status in ('active', 'inactive');
comment on view private.live_api_keys is 'Keys that are neither revoked nor expired, of users who may sign in. Owner''s rights, granted to nobody.';
comment on column private.live_api_keys.id is 'Public id of the key.';
comment on column private.live_api_keys.user_id is 'Whose key it is.';
comment on column private.live_api_keys.secret_hash is 'SHA-256 of the key.';
comment on column private.live_api_keys.scopes is 'Names of the permissions that it may use.';
comment on column private.live_api_keys.last_used_at is 'Last use, to within five minutes; null: never.';

alter table app.api_keys enable row level security;
alter table app.api_keys force row level security;
create policy api_keys_owner on app.api_keys to roster_owner using (true) with check (true);
create policy api_keys_read_own on app.api_keys for select to roster_user
  using (user_id = (select private.current_user_id()));
create policy api_keys_read_all on app.api_keys for select to roster_user
  using ((select private.has_permission('api_keys:manage')));

-- secret_hash is not granted: no request reads a digest. Keys are made and revoked by functions.
grant select (id, user_id, name, prefix, scopes, created_at, last_used_at, expires_at, revoked_at) on app.api_keys to roster_user;

create trigger _000_refuse_truncate before truncate on app.api_keys
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.api_keys
  for each row execute function audit.tg__record_change('user_id', 'id', 'secret_hash', 'last_used_at');
