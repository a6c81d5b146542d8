-- People. A user is never deleted by the product: an erased one stays as a tombstone,
-- so that the ids in the audit log go on meaning somebody.

\ir ../functions/private/account_words.sql
\ir ../functions/private/name_words.sql

create table app.users (
  id                    uuid primary key default private.uuid_v7(),
  email                 app.email not null,
  email_key             text not null generated always as (private.fold(email)) stored,
  username              app.username not null,
  username_key          text not null generated always as (private.fold(username)) stored,
  password_hash         app.password_hash,
  has_short_password    boolean not null default false,
  password_changed_at   timestamptz,
  status                app.user_status not null default 'inactive',
  is_email_verified     boolean not null default false,
  is_phone_verified     boolean not null default false,
  failed_login_attempts integer not null default 0
    constraint users_failed_login_attempts_range check (failed_login_attempts >= 0),
  locked_until          timestamptz,
  last_login_at         timestamptz,
  gdpr_consent_at       timestamptz,
  data_retention_until  timestamptz,
  suspended_at          timestamptz,
  deleted_at            timestamptz,
  version               bigint not null default 1,
  created_at            timestamptz not null default private.now(),
  updated_at            timestamptz not null default private.now(),
  constraint users_deleted_at_fits_status check ((status = 'deleted') = (deleted_at is not null)),
  constraint users_suspended_at_fits_status check (status <> 'suspended' or suspended_at is not null),
  constraint users_active_is_verified check (status <> 'active' or is_email_verified),
  -- One character can fold into eighteen; an index and a cursor have to hold the key.
  constraint users_email_key_length check (char_length(email_key) <= 254)
);

create unique index users_email_key_live on app.users (email_key) include (id, status) where deleted_at is null;
create unique index users_username_key_live on app.users (username_key) include (id, status) where deleted_at is null;
create index users_email on app.users (email);
create index users_username on app.users (username);
create index users_email_sort on app.users (email_key collate "C", id);
create index users_username_sort on app.users (username_key collate "C", id);
create index users_words on app.users using gin (private.account_words(email_key, username_key));
create index users_created_at on app.users (created_at, id);
create index users_last_login_at on app.users ((coalesce(last_login_at, '-infinity')), id);
create index users_status_created_at on app.users (status, created_at, id);
create index users_deleted_at on app.users (deleted_at) where deleted_at is not null;
create index users_locked on app.users (locked_until) where locked_until is not null;
create index users_data_retention on app.users (data_retention_until) where data_retention_until is not null;
comment on index app.users_pkey is 'One user: where id = ….';
comment on index app.users_email_key_live is 'Login by email, and the rule that an address belongs to one living account: where email_key = … and deleted_at is null.';
comment on index app.users_username_key_live is 'Login by username, and the rule that a name belongs to one living account: where username_key = … and deleted_at is null.';
comment on index app.users_email is 'Somebody by the address as they wrote it, for people in psql and for reports: where email = ….';
comment on index app.users_username is 'Somebody by the name as they wrote it, for people in psql and for reports: where username = ….';
comment on index app.users_email_sort is 'Search and pages by address: where email_key collate "C" like ''ann%'' order by email_key collate "C", id.';
comment on index app.users_username_sort is 'Search and pages by name: where username_key collate "C" like ''ann%'' order by username_key collate "C", id.';
comment on index app.users_words is 'Search by words of address and username: where private.account_words(email_key, username_key) @@ ….';
comment on index app.users_created_at is 'Pages of users by age: where (created_at, id) > … order by created_at, id.';
comment on index app.users_last_login_at is 'Pages of users by last login: where (coalesce(last_login_at, ''-infinity''), id) > … in that order.';
comment on index app.users_status_created_at is 'Pages of the users of one status: where status = … order by created_at, id.';
comment on index app.users_deleted_at is 'Deleted accounts whose time to be restored has passed: where deleted_at < ….';
comment on index app.users_locked is 'Accounts that are locked for unknown sources: where locked_until > ….';
comment on index app.users_data_retention is 'Accounts whose date to be anonymised has passed: where data_retention_until < ….';

comment on table app.users is 'Accounts: how somebody signs in, and in which state the account is.';
comment on column app.users.id is 'Key, ordered by time of creation.';
comment on column app.users.email is 'Address as the person wrote it.';
comment on column app.users.email_key is 'Address as it is compared: private.fold(email).';
comment on column app.users.username is 'Name as the person wrote it.';
comment on column app.users.username_key is 'Name as it is compared: private.fold(username).';
comment on column app.users.password_hash is 'Argon2id or bcrypt string; null until an invited person sets a password.';
comment on column app.users.has_short_password is 'Whether the password was set beside a second factor and is too short to be the only one; of no account from elsewhere is that known.';
comment on column app.users.password_changed_at is 'When the password was last set.';
comment on column app.users.status is 'active, inactive (email not verified), suspended or deleted.';
comment on column app.users.is_email_verified is 'Whether the person has shown that the address is theirs.';
comment on column app.users.is_phone_verified is 'Whether the person has shown that the telephone number is theirs.';
comment on column app.users.failed_login_attempts is 'Failed logins from wherever since the last good one.';
comment on column app.users.locked_until is 'Until when logins are refused from where nobody has signed in to this account yet; null or past means not locked.';
comment on column app.users.last_login_at is 'Time of the last good login.';
comment on column app.users.gdpr_consent_at is 'When the person agreed to the processing of their data (GDPR, Art. 7).';
comment on column app.users.data_retention_until is 'When the account is to be anonymised; null for no date.';
comment on column app.users.suspended_at is 'When the account was suspended.';
comment on column app.users.deleted_at is 'When the account was soft-deleted; null while it lives.';
comment on column app.users.version is 'Grows with every visible change of the user or the profile; the ETag.';
comment on column app.users.created_at is 'When the account was made.';
comment on column app.users.updated_at is 'When the account or the profile last changed.';

\ir ../functions/private/tg__refuse_truncate.sql
\ir ../functions/private/tg__touch_user.sql
\ir ../functions/private/tg__touch_owner.sql
\ir ../functions/private/tg__unverify_phone.sql

alter table app.users enable row level security;
alter table app.users force row level security;
create policy users_owner on app.users to roster_owner using (true) with check (true);
create policy users_read_own on app.users for select to roster_user
  using (id = (select private.current_user_id()));
create policy users_read_all on app.users for select to roster_user
  using ((select private.has_permission('users:read')));
create policy users_update_own on app.users for update to roster_user
  using (id = (select private.current_user_id())) with check (id = (select private.current_user_id()));

-- insert and delete are not granted: accounts are made and ended by functions.
-- password_hash is not granted, nor whether the password is short: no request ever reads them.
grant select (id, email, email_key, username, username_key, status, is_email_verified, is_phone_verified,
              failed_login_attempts, locked_until, last_login_at, password_changed_at, gdpr_consent_at,
              data_retention_until, suspended_at, deleted_at, version, created_at, updated_at)
  on app.users to roster_user;
grant update (username) on app.users to roster_user;

create trigger _100_touch before update on app.users
  for each row execute function private.tg__touch_user();
create trigger _900_record_change after insert or update or delete on app.users
  for each row execute function audit.tg__record_change(
    'id', 'id', 'password_hash,has_short_password,email_key,username_key', 'version,updated_at,email_key,username_key');
create trigger _000_refuse_truncate before truncate on app.users
  for each statement execute function private.tg__refuse_truncate();

create table app.user_profiles (
  user_id    uuid primary key constraint user_profiles_user_id_fkey references app.users on delete cascade,
  first_name app.person_name,
  last_name  app.person_name,
  phone      app.phone,
  locale     app.locale not null default 'en',
  avatar_url app.web_url,
  metadata   app.metadata not null default '{}'
    constraint user_profiles_metadata_size check (octet_length(metadata::text) <= 8192),
  created_at timestamptz not null default private.now(),
  updated_at timestamptz not null default private.now()
);
create index user_profiles_words on app.user_profiles using gin (private.name_words(first_name, last_name));
comment on index app.user_profiles_words is 'Search by words of the person''s names: where private.name_words(first_name, last_name) @@ ….';
comment on index app.user_profiles_pkey is 'The profile of one user: where user_id = ….';

comment on table app.user_profiles is 'What a person tells about themselves; nothing here is needed to sign in.';
comment on column app.user_profiles.user_id is 'Whose profile it is.';
comment on column app.user_profiles.first_name is 'Given name.';
comment on column app.user_profiles.last_name is 'Family name.';
comment on column app.user_profiles.phone is 'Telephone number (E.164).';
comment on column app.user_profiles.locale is 'Preferred language (BCP 47).';
comment on column app.user_profiles.avatar_url is 'Address of a picture.';
comment on column app.user_profiles.metadata is 'A JSON object of the application''s own, at most 8 KiB.';
comment on column app.user_profiles.created_at is 'When the profile was made.';
comment on column app.user_profiles.updated_at is 'When the profile last changed.';

alter table app.user_profiles enable row level security;
alter table app.user_profiles force row level security;
create policy user_profiles_owner on app.user_profiles to roster_owner using (true) with check (true);
create policy user_profiles_read_own on app.user_profiles for select to roster_user
  using (user_id = (select private.current_user_id()));
create policy user_profiles_read_all on app.user_profiles for select to roster_user
  using ((select private.has_permission('users:read')));
create policy user_profiles_update_own on app.user_profiles for update to roster_user
  using (user_id = (select private.current_user_id())) with check (user_id = (select private.current_user_id()));
grant select on app.user_profiles to roster_user;
grant update (first_name, last_name, phone, locale, avatar_url, metadata) on app.user_profiles to roster_user;

create trigger _100_touch before update on app.user_profiles
  for each row when (old.* is distinct from new.*) execute function private.tg__touch();
create trigger _150_unverify_phone after update of phone on app.user_profiles
  for each row when (old.phone is distinct from new.phone) execute function private.tg__unverify_phone();
create trigger _200_touch_owner after insert or update or delete on app.user_profiles
  for each row execute function private.tg__touch_owner();
create trigger _900_record_change after insert or update or delete on app.user_profiles
  for each row execute function audit.tg__record_change('user_id', 'user_id', '', 'updated_at');
create trigger _000_refuse_truncate before truncate on app.user_profiles
  for each statement execute function private.tg__refuse_truncate();
