-- What the operations return. Every attribute is always there; "(nullable)" says that it may be null.

create type api.user as (
  id                uuid,
  email             text,
  username          text,
  status            app.user_status,
  is_email_verified boolean,
  is_phone_verified boolean,
  has_second_factor boolean,
  second_factor_required boolean,
  first_name        text,
  last_name         text,
  phone             text,
  locale            text,
  avatar_url        text,
  metadata          jsonb,
  roles             text[],
  permissions       text[],
  gdpr_consent_at   timestamptz,
  last_login_at     timestamptz,
  created_at        timestamptz,
  updated_at        timestamptz,
  deleted_at        timestamptz,
  version           bigint
);
comment on type api.user is 'An account with its profile, its roles and what they allow.';
comment on column api.user.id is 'Key of the account.';
comment on column api.user.email is 'Email address as the person wrote it.';
comment on column api.user.username is 'Username as the person wrote it.';
comment on column api.user.status is 'active, inactive (email not verified yet), suspended or deleted.';
comment on column api.user.is_email_verified is 'Whether the email address is verified.';
comment on column api.user.is_phone_verified is 'Whether the telephone number is verified.';
comment on column api.user.has_second_factor is 'Whether a login takes more than the password.';
comment on column api.user.second_factor_required is 'Whether the account has to have a second factor; while it has none, nothing but enrolling one is open to it.';
comment on column api.user.first_name is 'Given name. (nullable)';
comment on column api.user.last_name is 'Family name. (nullable)';
comment on column api.user.phone is 'Telephone number in international form. (nullable)';
comment on column api.user.locale is 'Preferred language, a BCP 47 tag.';
comment on column api.user.avatar_url is 'Address of a picture. (nullable)';
comment on column api.user.metadata is 'The application''s own data, a JSON object.';
comment on column api.user.roles is 'Names of the roles in force.';
comment on column api.user.permissions is 'What those roles allow.';
comment on column api.user.gdpr_consent_at is 'When the person agreed to the processing of their data; null for who has not been asked, or has withdrawn it. (nullable)';
comment on column api.user.last_login_at is 'Time of the last good login. (nullable)';
comment on column api.user.created_at is 'When the account was made.';
comment on column api.user.updated_at is 'When the account or the profile last changed.';
comment on column api.user.deleted_at is 'When the account was deleted. (nullable)';
comment on column api.user.version is 'Grows with every change; the ETag.';

create type api.user_page as (
  items           api.user[],
  next_cursor     text,
  estimated_count bigint
);
comment on type api.user_page is 'A page of accounts.';
comment on column api.user_page.items is 'The accounts of this page.';
comment on column api.user_page.next_cursor is 'Where the next page starts; null on the last one. (nullable)';
comment on column api.user_page.estimated_count is 'About how many accounts fit in all; null unless it was asked for. (nullable)';

create type api.session as (
  access_token       text,
  token_type         text,
  expires_in         integer,
  refresh_token      text,
  refresh_expires_at timestamptz,
  session_id         uuid,
  "user"             api.user
);
comment on type api.session is 'A sign-in: the tokens, and whose they are (RFC 6749, 5.1).';
comment on column api.session.access_token is 'JSON Web Token to send as Authorization: Bearer (RFC 9068). Signed by the service; null in psql. (secret)';
comment on column api.session.token_type is 'Always Bearer.';
comment on column api.session.expires_in is 'Seconds until the access token expires.';
comment on column api.session.refresh_token is 'Gets the next pair of tokens, once. (secret)';
comment on column api.session.refresh_expires_at is 'Until when the refresh token may be used.';
comment on column api.session.session_id is 'Public id of the session.';
comment on column api.session."user" is 'Who is signed in.';

create type api.session_info as (
  id             uuid,
  device_name    text,
  client_address text,
  user_agent     text,
  methods        text[],
  created_at     timestamptz,
  last_used_at   timestamptz,
  expires_at     timestamptz,
  is_current     boolean
);
comment on type api.session_info is 'An open session as its owner sees it.';
comment on column api.session_info.id is 'Public id of the session.';
comment on column api.session_info.device_name is 'What the person called the device. (nullable)';
comment on column api.session_info.client_address is 'Address at sign-in. (nullable)';
comment on column api.session_info.user_agent is 'User-Agent at sign-in. (nullable)';
comment on column api.session_info.methods is 'How the person proved who they are: pwd, otp, mfa (RFC 8176); empty for an operator''s session.';
comment on column api.session_info.created_at is 'Time of sign-in.';
comment on column api.session_info.last_used_at is 'Last use, to within five minutes.';
comment on column api.session_info.expires_at is 'When it ends at the latest.';
comment on column api.session_info.is_current is 'Whether it is the session of this request.';

create type api.session_page as (
  items       api.session_info[],
  next_cursor text
);
comment on type api.session_page is 'A page of sessions.';
comment on column api.session_page.items is 'The sessions of this page.';
comment on column api.session_page.next_cursor is 'Where the next page starts; null on the last one. (nullable)';

create type api.audit_entry as (
  id               bigint,
  occurred_at      timestamptz,
  action           text,
  entity           text,
  entity_id        text,
  user_id          uuid,
  actor_user_id    uuid,
  actor_session_id uuid,
  actor_api_key_id uuid,
  database_role    text,
  application_name text,
  request_id       text,
  route            text,
  client_address   text,
  user_agent       text,
  changed_fields   text[],
  old_values       jsonb,
  new_values       jsonb,
  details          jsonb
);
comment on type api.audit_entry is 'One row of the audit log.';
comment on column api.audit_entry.id is 'Order of writing.';
comment on column api.audit_entry.occurred_at is 'When it happened.';
comment on column api.audit_entry.action is 'What happened: <table>.inserted, .updated, .deleted, or an event such as login.failed.';
comment on column api.audit_entry.entity is 'Table of the changed row. (nullable)';
comment on column api.audit_entry.entity_id is 'Key of the changed row. (nullable)';
comment on column api.audit_entry.user_id is 'Whom it is about. (nullable)';
comment on column api.audit_entry.actor_user_id is 'Who did it. (nullable)';
comment on column api.audit_entry.actor_session_id is 'Session in which it was done. (nullable)';
comment on column api.audit_entry.actor_api_key_id is 'API key with which it was done. (nullable)';
comment on column api.audit_entry.database_role is 'Database login that did it.';
comment on column api.audit_entry.application_name is 'application_name of that connection. (nullable)';
comment on column api.audit_entry.request_id is 'X-Request-Id of the request. (nullable)';
comment on column api.audit_entry.route is 'Function that the request called. (nullable)';
comment on column api.audit_entry.client_address is 'Address of the client. (nullable)';
comment on column api.audit_entry.user_agent is 'User-Agent of the client. (nullable)';
comment on column api.audit_entry.changed_fields is 'Names of the changed columns. (nullable)';
comment on column api.audit_entry.old_values is 'The changed columns before, without secrets. (nullable)';
comment on column api.audit_entry.new_values is 'The changed columns after, without secrets. (nullable)';
comment on column api.audit_entry.details is 'What else an event has to say. (nullable)';

create type api.audit_page as (
  items           api.audit_entry[],
  next_cursor     text,
  estimated_count bigint
);
comment on type api.audit_page is 'A page of the audit log, newest first.';
comment on column api.audit_page.items is 'The rows of this page.';
comment on column api.audit_page.next_cursor is 'Where the next page starts; null on the last one. (nullable)';
comment on column api.audit_page.estimated_count is 'About how many rows fit in all; null unless it was asked for. (nullable)';

create type api.audit_action as (
  action  text,
  kind    text,
  meaning text,
  details text
);
comment on type api.audit_action is 'A word of the audit log''s vocabulary.';
comment on column api.audit_action.action is 'What the column `action` holds.';
comment on column api.audit_action.kind is 'change: of a row of a table; event: anything else.';
comment on column api.audit_action.meaning is 'What it means.';
comment on column api.audit_action.details is 'What `details` holds then. (nullable)';

create type api.audit_action_list as (
  items api.audit_action[]
);
comment on type api.audit_action_list is 'The vocabulary of the audit log.';
comment on column api.audit_action_list.items is 'The actions, by name.';

create type api.audit_verification as (
  is_intact    boolean,
  seals        bigint,
  rows         bigint,
  last_seal    bigint,
  last_digest  text,
  problem      text,
  broken_seal  bigint,
  broken_row   bigint,
  unsealed     bigint,
  next_cursor  text
);
comment on type api.audit_verification is 'What came of verifying a part of the audit log.';
comment on column api.audit_verification.is_intact is 'Whether every seal and every row of this part is as it was sealed.';
comment on column api.audit_verification.seals is 'Seals that hold.';
comment on column api.audit_verification.rows is 'Rows that were compared with their seals.';
comment on column api.audit_verification.last_seal is 'Number of the last seal of this part; null where it has none. (nullable)';
comment on column api.audit_verification.last_digest is 'Digest of that seal (hex), to be kept elsewhere. (nullable)';
comment on column api.audit_verification.problem is 'What does not fit: seal_missing, seal_changed, seal_misplaced, row_missing, row_added, row_changed, values_changed, origin_changed or erased_unrecorded. (nullable)';
comment on column api.audit_verification.broken_seal is 'The first seal that does not hold. (nullable)';
comment on column api.audit_verification.broken_row is 'Id of the first row that does not fit. (nullable)';
comment on column api.audit_verification.unsealed is 'Rows that wait for their seal; null but on the last page of what has no end. (nullable)';
comment on column api.audit_verification.next_cursor is 'Where the next part starts; null after the last one or a break. (nullable)';

create type api.role as (
  name        text,
  description text,
  is_system   boolean,
  permissions text[],
  version     bigint
);
comment on type api.role is 'A role and what it allows.';
comment on column api.role.name is 'Name.';
comment on column api.role.description is 'What it is for.';
comment on column api.role.is_system is 'Whether the product relies on it.';
comment on column api.role.permissions is 'What it allows.';
comment on column api.role.version is 'Grows with every change; the ETag.';

create type api.role_page as (
  items       api.role[],
  next_cursor text
);
comment on type api.role_page is 'A page of roles, by name.';
comment on column api.role_page.items is 'The roles of this page.';
comment on column api.role_page.next_cursor is 'Where the next page starts; null on the last one. (nullable)';

create type api.activity as (
  occurred_at    timestamptz,
  action         text,
  by_myself      boolean,
  session_id     uuid,
  client_address text,
  user_agent     text,
  changed_fields text[]
);
comment on type api.activity is 'An event of one''s own account, as its owner sees it.';
comment on column api.activity.occurred_at is 'When it happened.';
comment on column api.activity.action is 'What happened: <table>.inserted, .updated, .deleted, or an event such as login.failed.';
comment on column api.activity.by_myself is 'Whether it was done in one of the person''s own sessions.';
comment on column api.activity.session_id is 'Own session in which it was done. (nullable)';
comment on column api.activity.client_address is 'Address of the client; null for what others did. (nullable)';
comment on column api.activity.user_agent is 'User-Agent of the client; null for what others did. (nullable)';
comment on column api.activity.changed_fields is 'Names of the changed columns. (nullable)';

create type api.activity_page as (
  items       api.activity[],
  next_cursor text
);
comment on type api.activity_page is 'A page of one''s own activity, newest first.';
comment on column api.activity_page.items is 'The events of this page.';
comment on column api.activity_page.next_cursor is 'Where the next page starts; null on the last one. (nullable)';

create type api.consent as (
  purpose      text,
  is_granted   boolean,
  text_version text,
  declared_at  timestamptz
);
comment on type api.consent is 'A declaration of consent.';
comment on column api.consent.purpose is 'What for.';
comment on column api.consent.is_granted is 'true: given; false: withdrawn.';
comment on column api.consent.text_version is 'Version of the text that the person saw.';
comment on column api.consent.declared_at is 'When it was declared.';

create type api.consent_state as (
  current api.consent[],
  history api.consent[]
);
comment on type api.consent_state is 'What a person agrees to now, and how it came to that.';
comment on column api.consent_state.current is 'The newest declaration of each purpose: it holds.';
comment on column api.consent_state.history is 'All declarations, newest first.';

create type api.user_history as (
  id                    uuid,
  at                    timestamptz,
  erased_at             timestamptz,
  email                 text,
  username              text,
  status                text,
  is_email_verified     boolean,
  is_phone_verified     boolean,
  failed_login_attempts integer,
  locked_until          timestamptz,
  last_login_at         timestamptz,
  password_changed_at   timestamptz,
  gdpr_consent_at       timestamptz,
  data_retention_until  timestamptz,
  suspended_at          timestamptz,
  deleted_at            timestamptz,
  created_at            timestamptz,
  first_name            text,
  last_name             text,
  phone                 text,
  locale                text,
  avatar_url            text,
  metadata              jsonb,
  roles                 text[],
  permissions           text[],
  consents              api.consent[]
);
comment on type api.user_history is 'An account as it was at a time. Of an erased person nothing is known but the key, the time of creation and the erasure.';
comment on column api.user_history.id is 'Key of the account.';
comment on column api.user_history.at is 'The time that was asked for.';
comment on column api.user_history.erased_at is 'When the person was erased, also if that was later; everything personal is null then. (nullable)';
comment on column api.user_history.email is 'Email address as the person wrote it. (nullable)';
comment on column api.user_history.username is 'Username as the person wrote it. (nullable)';
comment on column api.user_history.status is 'active, inactive, suspended or deleted. (nullable)';
comment on column api.user_history.is_email_verified is 'Whether the email address was verified. (nullable)';
comment on column api.user_history.is_phone_verified is 'Whether the telephone number was verified. (nullable)';
comment on column api.user_history.failed_login_attempts is 'Failed logins since the last good one. (nullable)';
comment on column api.user_history.locked_until is 'Until when logins were refused from where nobody had signed in yet. (nullable)';
comment on column api.user_history.last_login_at is 'Time of the last good login. (nullable)';
comment on column api.user_history.password_changed_at is 'When the password had last been set. (nullable)';
comment on column api.user_history.gdpr_consent_at is 'When the person had agreed to the processing of their data. (nullable)';
comment on column api.user_history.data_retention_until is 'When the account was to be anonymised. (nullable)';
comment on column api.user_history.suspended_at is 'When the account had been suspended. (nullable)';
comment on column api.user_history.deleted_at is 'When the account had been deleted. (nullable)';
comment on column api.user_history.created_at is 'When the account was made.';
comment on column api.user_history.first_name is 'Given name. (nullable)';
comment on column api.user_history.last_name is 'Family name. (nullable)';
comment on column api.user_history.phone is 'Telephone number in international form. (nullable)';
comment on column api.user_history.locale is 'Preferred language, a BCP 47 tag. (nullable)';
comment on column api.user_history.avatar_url is 'Address of a picture. (nullable)';
comment on column api.user_history.metadata is 'The application''s own data, a JSON object. (nullable)';
comment on column api.user_history.roles is 'Names of the roles that were in force. (nullable)';
comment on column api.user_history.permissions is 'What those roles allowed then. (nullable)';
comment on column api.user_history.consents is 'The newest declaration of each purpose. (nullable)';

create type api.statistics as (
  as_of                    timestamptz,
  users                    bigint,
  active                   bigint,
  inactive                 bigint,
  suspended                bigint,
  deleted                  bigint,
  locked                   bigint,
  verified                 bigint,
  registered_last_30_days  bigint,
  signed_in_last_30_days   bigint
);
comment on type api.statistics is 'How many accounts there are, by state.';
comment on column api.statistics.as_of is 'When it was counted.';
comment on column api.statistics.users is 'Accounts that are not deleted.';
comment on column api.statistics.active is 'Accounts with a verified address.';
comment on column api.statistics.inactive is 'Accounts whose address is not verified yet.';
comment on column api.statistics.suspended is 'Accounts shut out by an administrator.';
comment on column api.statistics.deleted is 'Soft-deleted and anonymised accounts.';
comment on column api.statistics.locked is 'Accounts locked after failed logins.';
comment on column api.statistics.verified is 'Living accounts with a verified address.';
comment on column api.statistics.registered_last_30_days is 'Accounts made in the last 30 days.';
comment on column api.statistics.signed_in_last_30_days is 'Accounts that signed in within the last 30 days.';

create type api.personal_data as (
  exported_at timestamptz,
  user_id     uuid,
  data        jsonb,
  events      app.json_list
);
comment on type api.personal_data is 'Everything that is held about a person (GDPR, Art. 15 and 20).';
comment on column api.personal_data.exported_at is 'When it was put together.';
comment on column api.personal_data.user_id is 'Whose data it is.';
comment on column api.personal_data.data is 'Rows about the person, by table.';
comment on column api.personal_data.events is 'The audit log''s rows about the person, newest first.';

create type api.second_factor as (
  is_active           boolean,
  confirmed_at        timestamptz,
  recovery_codes_left integer,
  methods             text[]
);
comment on type api.second_factor is 'The second factor of the signed-in user.';
comment on column api.second_factor.is_active is 'Whether it is in force.';
comment on column api.second_factor.confirmed_at is 'Since when. (nullable)';
comment on column api.second_factor.recovery_codes_left is 'Recovery codes that were not used yet.';
comment on column api.second_factor.methods is 'How this session was signed in: pwd, otp, mfa (RFC 8176).';

create type api.totp_enrolment as (
  issuer           text,
  account          text,
  secret           text,
  provisioning_uri text,
  qr_code          text
);
comment on type api.totp_enrolment is 'What an authenticator app needs, made by the service and shown once.';
comment on column api.totp_enrolment.issuer is 'Name of the service, as the app shows it.';
comment on column api.totp_enrolment.account is 'Name of the account, as the app shows it.';
comment on column api.totp_enrolment.secret is 'The shared secret in base32, to be typed where no picture can be scanned. (secret)';
comment on column api.totp_enrolment.provisioning_uri is 'The same as an otpauth:// address. (secret)';
comment on column api.totp_enrolment.qr_code is 'The same as a picture, an SVG in a data: address. (secret)';

create type api.recovery_code_list as (
  recovery_codes text[]
);
comment on type api.recovery_code_list is 'Codes that stand in for the authenticator app, each once.';
comment on column api.recovery_code_list.recovery_codes is 'The codes; only digests of them are stored. (secret)';

create type api.problem_mfa_required as (
  challenge            text,
  challenge_expires_at timestamptz
);
comment on type api.problem_mfa_required is 'What the problem mfa_required says besides.';
comment on column api.problem_mfa_required.challenge is 'Stands for the password that was right, once, at /v1/auth/mfa. (secret)';
comment on column api.problem_mfa_required.challenge_expires_at is 'Until when.';

create type api.api_key as (
  id           uuid,
  name         text,
  prefix       text,
  scopes       text[],
  created_at   timestamptz,
  last_used_at timestamptz,
  expires_at   timestamptz
);
comment on type api.api_key is 'An API key, without what makes it one.';
comment on column api.api_key.id is 'Public id of the key.';
comment on column api.api_key.name is 'What it is for.';
comment on column api.api_key.prefix is 'How the key begins.';
comment on column api.api_key.scopes is 'Permissions that it may use while its owner holds them.';
comment on column api.api_key.created_at is 'When it was made.';
comment on column api.api_key.last_used_at is 'Last use, to within five minutes. (nullable)';
comment on column api.api_key.expires_at is 'When it ends by itself. (nullable)';

create type api.api_key_list as (
  items api.api_key[]
);
comment on type api.api_key_list is 'The API keys of an account.';
comment on column api.api_key_list.items is 'The keys, oldest first.';

create type api.new_api_key as (
  id         uuid,
  name       text,
  key        text,
  prefix     text,
  scopes     text[],
  created_at timestamptz,
  expires_at timestamptz
);
comment on type api.new_api_key is 'An API key that was just made.';
comment on column api.new_api_key.id is 'Public id of the key.';
comment on column api.new_api_key.name is 'What it is for.';
comment on column api.new_api_key.key is 'The key itself, to send as Authorization: Bearer; shown this once. (secret)';
comment on column api.new_api_key.prefix is 'How the key begins.';
comment on column api.new_api_key.scopes is 'Permissions that it may use while its owner holds them.';
comment on column api.new_api_key.created_at is 'When it was made.';
comment on column api.new_api_key.expires_at is 'When it ends by itself. (nullable)';
