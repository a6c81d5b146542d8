-- What every other step stands on: the record of the steps themselves, the clock, the domains and the settings.

create table app.schema_migrations (
  step       text primary key,
  digest     text,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null default session_user
);

alter table app.schema_migrations enable row level security;
alter table app.schema_migrations force row level security;
create policy schema_migrations_owner on app.schema_migrations to roster_owner using (true) with check (true);
create policy schema_migrations_read on app.schema_migrations for select to roster_dba, roster_authenticator using (true);
grant select on app.schema_migrations to roster_dba, roster_authenticator;

comment on table app.schema_migrations is 'The steps of the migration plan that this database has, whichever tool deployed them.';
comment on column app.schema_migrations.step is 'Name of the step in db/migrations/sqitch.plan.';
comment on column app.schema_migrations.digest is 'SHA-256 (hex) of the step''s own sources, which finds later edits; null until `pgroster migrate` has seen it.';
comment on column app.schema_migrations.applied_at is 'When the step was deployed.';
comment on column app.schema_migrations.applied_by is 'Database login that deployed it.';

-- One clock for every rule about time. Tests move it; a setting could be forged by any caller, a table cannot.
create table private.clock (
  is_only boolean primary key default true constraint clock_one_row check (is_only),
  shift   interval not null default '0'
);
insert into private.clock default values;

alter table private.clock enable row level security;
alter table private.clock force row level security;
create policy clock_owner on private.clock to roster_owner using (true) with check (true);

comment on table private.clock is 'How far private.now() is from the real time: zero, except in tests. Only the owner can write it.';
comment on column private.clock.is_only is 'Always true: the table has one row.';
comment on column private.clock.shift is 'Added to the real time.';

-- A key that never leaves the database: what it signs can only be given back, not made up.
create table private.secrets (
  is_only    boolean primary key default true constraint secrets_one_row check (is_only),
  cursor_key bytea not null default public.gen_random_bytes(32),
  digest_key bytea not null default public.gen_random_bytes(32)
);
insert into private.secrets default values;

alter table private.secrets enable row level security;
alter table private.secrets force row level security;
create policy secrets_owner on private.secrets to roster_owner using (true) with check (true);

comment on table private.secrets is 'Keys of the database''s own. One row; only the owner reads it.';
comment on column private.secrets.is_only is 'Always true: the table has one row.';
comment on column private.secrets.digest_key is 'Keys digests of secrets that are short enough to guess.';
comment on column private.secrets.cursor_key is 'Signs the cursors of lists. To replace it ends all cursors, nothing else.';

\ir ../functions/private/now.sql
\ir ../functions/private/uuid_v7.sql
\ir ../functions/private/fold.sql
\ir ../functions/private/words.sql

-- Domains carry the limits that the HTTP layer, psql and the tables share.
create domain app.email as text
  constraint email_length check (char_length(value) between 3 and 254)
  constraint email_form check (
    value ~ '^[^@\s[:cntrl:]<>(),;:"\\]+@[^@\s[:cntrl:]<>(),;:"\\]+\.[^@\s[:cntrl:]<>(),;:"\\.]{2,}$')
  -- What begins an encoded word (RFC 2047), which programs decode into whatever it holds: other headers, another address.
  constraint email_literal check (value !~ '=\?')
  -- Spaces of every width and what shows as nothing at all: with those one address would look like another.
  constraint email_visible check (
    value !~ '[\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]');
comment on domain app.email is 'An email address, at most 254 characters (RFC 5321, 4.5.3.1), none of them invisible.';

create domain app.username as text
  constraint username_form check (value ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$');
comment on domain app.username is '3 to 32 letters, digits, underscores, dots or hyphens, starting with a letter or a digit. ASCII only, so that no name looks like another.';

create domain app.password_hash as text
  constraint password_hash_form check (
    value ~ '^(\$argon2id\$v=19\$m=[0-9]{5,7},t=[0-9]{1,2},p=[0-9]{1,2}\$[A-Za-z0-9+/]{22,86}\$[A-Za-z0-9+/]{43,86}|\$2[aby]\$(1[2-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53})$');
comment on domain app.password_hash is 'An Argon2id string, or a bcrypt string of cost 12 or more. Never plain text.';

create domain app.password_is_short as boolean;
comment on domain app.password_is_short is 'Whether a new password is too short to be the only factor, as the service has found.';

create domain app.digest as bytea
  constraint digest_length check (octet_length(value) = 32);
comment on domain app.digest is 'A SHA-256 digest: what is stored of a secret.';

\ir ../functions/private/digest.sql
\ir ../functions/private/tg__touch.sql

create domain app.person_name as text
  constraint person_name_length check (char_length(value) between 1 and 100)
  constraint person_name_form check (value ~ '^[^<>[:cntrl:]\u2028-\u202e\u2066-\u2069]+$');
comment on domain app.person_name is 'A name as a person writes it: 1 to 100 characters, no control characters.';

create domain app.phone as text
  constraint phone_form check (value ~ '^\+[1-9][0-9]{6,14}$');
comment on domain app.phone is 'A telephone number in international form, for example +41791234567 (ITU-T E.164).';

create domain app.locale as text
  constraint locale_form check (value ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$');
comment on domain app.locale is 'A language tag such as en, de-CH or zh-Hans-CN (BCP 47).';

create domain app.web_url as text
  constraint web_url_length check (char_length(value) <= 2048)
  -- What stands before an @ looks like the host, and browsers take a backslash for a slash.
  constraint web_url_form check (
    value ~ '^https://[^\s[:cntrl:]<>"\\/?#@\u2028-\u202e\u2066-\u2069]+([/?#][^\s[:cntrl:]<>"\\\u2028-\u202e\u2066-\u2069]*)?$');
comment on domain app.web_url is 'An https address, at most 2048 characters.';

create domain app.metadata as jsonb
  constraint metadata_is_object check (jsonb_typeof(value) = 'object');
comment on domain app.metadata is 'A JSON object of the application''s own, at most 8 KiB as text.';

create domain app.json_list as jsonb
  constraint json_list_is_array check (jsonb_typeof(value) = 'array');
comment on domain app.json_list is 'A JSON array.';

create domain app.user_sort as text
  constraint user_sort_known check (value in ('created_at', '-created_at', 'email', 'username', 'last_login_at'));
comment on domain app.user_sort is 'Order of a list of accounts; - means descending.';

create domain app.search_text as text
  constraint search_text_length check (char_length(value) <= 254);
comment on domain app.search_text is 'What to look for, at most 254 characters.';

create domain app.count_kind as text
  constraint count_kind_known check (value in ('none', 'estimated'));
comment on domain app.count_kind is 'Whether a list says how many there are in all: none or estimated.';

create domain app.identifier as text
  constraint identifier_length check (char_length(value) between 1 and 254);
comment on domain app.identifier is 'An email address or a username.';

create domain app.device_name as text
  constraint device_name_length check (char_length(value) between 1 and 100)
  constraint device_name_form check (value ~ '^[^<>[:cntrl:]\u2028-\u202e\u2066-\u2069]+$');
comment on domain app.device_name is 'What a person calls a device, 1 to 100 characters.';

create domain app.user_status as text
  constraint user_status_known check (value in ('active', 'inactive', 'suspended', 'deleted'));
comment on domain app.user_status is 'active: email verified. inactive: not verified yet. suspended: shut out by an administrator. deleted: soft-deleted.';

create domain app.role_name as text
  constraint role_name_form check (value ~ '^[a-z][a-z0-9_]{1,31}$');
comment on domain app.role_name is 'Name of an application role: 2 to 32 lower-case letters, digits or underscores.';

create domain app.role_description as text
  constraint role_description_length check (char_length(value) <= 500);
comment on domain app.role_description is 'What a role is for, at most 500 characters.';

create domain app.permission_name as text
  constraint permission_name_form check (value ~ '^[a-z_]{2,32}:[a-z_]{2,32}$');
comment on domain app.permission_name is 'What a role allows, as thing:action, for example users:read.';

create domain app.phone_code as text
  constraint phone_code_form check (value ~ '^[0-9]{6}$');
comment on domain app.phone_code is 'A code of six digits. (secret)';

-- No form is asked for: what is no token takes the path of one that nobody has, to the same answer.
create domain app.token as text;
comment on domain app.token is 'A token as it was handed out or mailed. (secret)';

create domain app.purpose as text
  constraint purpose_form check (value ~ '^[a-z][a-z_]{1,63}$');
comment on domain app.purpose is 'What a consent is for: 2 to 64 lower-case letters or underscores.';

create domain app.text_version as text
  constraint text_version_length check (char_length(value) between 1 and 32);
comment on domain app.text_version is 'Version of a text that a person saw, 1 to 32 characters.';

create domain app.audit_action as text
  constraint audit_action_form check (value ~ '^[a-z_]+\.[a-z_]+$');
comment on domain app.audit_action is 'What happened, as the audit log names it: a table and inserted, updated or deleted, or an event such as login.failed.';

create domain app.page_size as integer
  constraint page_size_range check (value between 1 and 100);
comment on domain app.page_size is 'How many items a page may hold: 1 to 100.';

-- One row, one column a setting: each has its type, its default, its limits and its comment.
create table app.settings (
  is_only                boolean primary key default true constraint settings_one_row check (is_only),
  access_token_ttl       interval not null default '15 minutes'
    constraint settings_access_token_ttl_range check (access_token_ttl between '1 minute' and '1 hour'),
  refresh_token_idle     interval not null default '7 days'
    constraint settings_refresh_token_idle_range check (refresh_token_idle between '5 minutes' and '90 days'),
  session_absolute       interval not null default '30 days'
    constraint settings_session_absolute_range check (session_absolute between '5 minutes' and '365 days'),
  refresh_retry_grace    interval not null default '10 seconds'
    constraint settings_refresh_retry_grace_range check (refresh_retry_grace between '0' and '60 seconds'),
  lock_after_failures    integer not null default 10
    constraint settings_lock_after_failures_range check (lock_after_failures between 3 and 1000000),
  lock_everywhere_after_failures integer not null default 100
    constraint settings_lock_everywhere_after_failures_range check (lock_everywhere_after_failures between 3 and 1000000),
  lock_duration          interval not null default '15 minutes'
    constraint settings_lock_duration_range check (lock_duration between '1 second' and '24 hours'),
  lock_duration_max      interval not null default '24 hours'
    constraint settings_lock_duration_max_range check (lock_duration_max between '1 second' and '24 hours'),
  login_needs_verified_email boolean not null default false,
  registration           text not null default 'public'
    constraint settings_registration_known check (registration in ('public', 'private')),
  verification_token_ttl interval not null default '24 hours'
    constraint settings_verification_token_ttl_range check (verification_token_ttl between '5 minutes' and '30 days'),
  reset_token_ttl        interval not null default '1 hour'
    constraint settings_reset_token_ttl_range check (reset_token_ttl between '5 minutes' and '24 hours'),
  invitation_ttl         interval not null default '72 hours'
    constraint settings_invitation_ttl_range check (invitation_ttl between '1 hour' and '30 days'),
  phone_code_ttl         interval not null default '10 minutes'
    constraint settings_phone_code_ttl_range check (phone_code_ttl between '1 minute' and '1 hour'),
  login_challenge_ttl    interval not null default '5 minutes'
    constraint settings_login_challenge_ttl_range check (login_challenge_ttl between '1 minute' and '15 minutes'),
  second_factor_required boolean not null default false,
  api_keys_per_user      integer not null default 20
    constraint settings_api_keys_per_user_range check (api_keys_per_user between 0 and 1000),
  restore_within         interval not null default '30 days'
    constraint settings_restore_within_range check (restore_within between '0' and '365 days'),
  keep_ended_sessions    interval not null default '30 days'
    constraint settings_keep_ended_sessions_range check (keep_ended_sessions between '1 day' and '2 years'),
  keep_done_messages     interval not null default '30 days'
    constraint settings_keep_done_messages_range check (keep_done_messages between '1 day' and '2 years'),
  keep_login_sources     interval not null default '90 days'
    constraint settings_keep_login_sources_range check (keep_login_sources between '2 days' and '2 years'),
  consent_text_version   app.text_version not null default '1',
  audit_retention        interval not null default '7 years'
    constraint settings_audit_retention_range check (audit_retention >= '1 year'),
  service_name           text not null default 'pgroster'
    constraint settings_service_name_length check (char_length(service_name) between 1 and 64),
  updated_at             timestamptz not null default private.now()
);
insert into app.settings default values;

alter table app.settings enable row level security;
alter table app.settings force row level security;
create policy settings_owner on app.settings to roster_owner using (true) with check (true);
create policy settings_dba on app.settings to roster_dba using (true) with check (true);
grant select, update on app.settings to roster_dba;

create trigger _100_touch before update on app.settings
  for each row when (old.* is distinct from new.*) execute function private.tg__touch();

comment on table app.settings is 'What operators may tune while the service runs: `update settings set lock_after_failures = 5`. One row.';
comment on column app.settings.is_only is 'Always true: the table has one row.';
comment on column app.settings.access_token_ttl is 'How long an access token is valid.';
comment on column app.settings.refresh_token_idle is 'How long an unused refresh token stays valid.';
comment on column app.settings.session_absolute is 'When a session ends however often it is refreshed.';
comment on column app.settings.refresh_retry_grace is 'How long the last used refresh token may be presented again and gets the same successor.';
comment on column app.settings.lock_after_failures is 'Failed logins in a row from one source that lock the account for that source.';
comment on column app.settings.lock_everywhere_after_failures is 'Failed logins in a row from wherever that lock the account for every source it has not been signed in to from; wrong codes in a row after which those have to send a recovery code.';
comment on column app.settings.lock_duration is 'Length of the first lock; each further one is twice as long.';
comment on column app.settings.lock_duration_max is 'Upper limit of a lock.';
comment on column app.settings.login_needs_verified_email is 'Whether an account whose email is not verified is refused at login.';
comment on column app.settings.registration is 'public: a taken address is named at registration. private: every registration gets the same answer, the owner of a taken address a mail, nobody signs in before the address is verified, and the name of who asked for a taken one stays with an account of nobody (nobody-…@nobody.invalid).';
comment on column app.settings.verification_token_ttl is 'How long a mailed token that verifies an address works.';
comment on column app.settings.reset_token_ttl is 'How long a mailed token that resets a password works.';
comment on column app.settings.invitation_ttl is 'How long an invitation works.';
comment on column app.settings.phone_code_ttl is 'How long a code sent to a telephone works.';
comment on column app.settings.login_challenge_ttl is 'How long a sign-in waits for the second factor.';
comment on column app.settings.second_factor_required is 'Whether everybody who can sign in needs a second factor; for some only, set roles.second_factor_required.';
comment on column app.settings.api_keys_per_user is 'How many living API keys an account may have.';
comment on column app.settings.restore_within is 'How long after its deletion an account can be restored.';
comment on column app.settings.keep_ended_sessions is 'How long ended sessions and spent tokens are kept.';
comment on column app.settings.keep_done_messages is 'How long it is kept that a message was sent or given up; what it said goes at once.';
comment on column app.settings.keep_login_sources is 'How long it is known from where somebody has signed in.';
comment on column app.settings.consent_text_version is 'Version of the text that people agree to now; set it when the text changes.';
comment on column app.settings.audit_retention is 'How long audit rows are kept.';
comment on column app.settings.service_name is 'What passwords may not resemble, and what mails are signed with.';
comment on column app.settings.updated_at is 'When a setting was last changed.';
