-- A session is one sign-in on one device; refresh tokens are its links, each used once.

create table app.sessions (
  id             uuid primary key default private.uuid_v7(),
  user_id        uuid not null constraint sessions_user_id_fkey references app.users on delete cascade,
  secret_hash    app.digest not null constraint sessions_secret_hash_key unique,
  device_name    app.device_name,
  client_address inet,
  user_agent     text constraint sessions_user_agent_length check (char_length(user_agent) <= 300),
  database_role  text,
  methods        text[] not null default '{}',
  created_at     timestamptz not null default private.now(),
  last_used_at   timestamptz not null default private.now(),
  expires_at     timestamptz not null,
  revoked_at     timestamptz,
  revoked_reason text,
  constraint sessions_expires_after_creation check (expires_at > created_at),
  constraint sessions_revoked_reason_known check (
    (revoked_at is null) = (revoked_reason is null)
    and revoked_reason in ('logout', 'revoked', 'token_reused', 'password_changed', 'second_factor', 'suspended', 'deleted', 'released'))
);
create index sessions_user_live on app.sessions (user_id, created_at, id) where revoked_at is null;
create index sessions_user_id on app.sessions (user_id);
create index sessions_ended on app.sessions ((coalesce(revoked_at, expires_at)), id);
comment on index app.sessions_pkey is 'One session by its public id: where id = ….';
comment on index app.sessions_secret_hash_key is 'Every request''s identity: where secret_hash = ….';
comment on index app.sessions_user_live is 'A person''s open sessions, page by page: where user_id = … and revoked_at is null order by created_at, id.';
comment on index app.sessions_user_id is 'All sessions of a person, for export and erasure: where user_id = ….';
comment on index app.sessions_ended is 'Sessions past their end, for cleaning up: where coalesce(revoked_at, expires_at) < … order by coalesce(revoked_at, expires_at), id.';

comment on table app.sessions is 'Sign-ins. Identity in every request is a row of this table, not a claim in a token.';
comment on column app.sessions.id is 'Public id, which listings and the audit log show.';
comment on column app.sessions.user_id is 'Who is signed in.';
comment on column app.sessions.secret_hash is 'SHA-256 of the secret id that the access tokens carry.';
comment on column app.sessions.device_name is 'What the person called the device.';
comment on column app.sessions.client_address is 'Address at sign-in.';
comment on column app.sessions.user_agent is 'User-Agent at sign-in.';
comment on column app.sessions.database_role is 'Operator who acts as the user by admin.act_as(); null for a person''s own session.';
comment on column app.sessions.methods is 'How the person proved who they are, as in the claim amr (RFC 8176): pwd, otp, mfa; empty for an operator''s session.';
comment on column app.sessions.created_at is 'Time of sign-in.';
comment on column app.sessions.last_used_at is 'Last use, to within five minutes.';
comment on column app.sessions.expires_at is 'Absolute end, which refreshing never moves.';
comment on column app.sessions.revoked_at is 'When it was ended early; null while it lives.';
comment on column app.sessions.revoked_reason is 'Why it was ended early.';

create table app.login_sources (
  id                    uuid primary key default gen_random_uuid(),
  user_id               uuid not null constraint login_sources_user_id_fkey references app.users on delete cascade,
  source                text not null,
  failed_login_attempts integer not null default 0
    constraint login_sources_failed_login_attempts_range check (failed_login_attempts >= 0),
  locked_until          timestamptz,
  last_login_at         timestamptz,
  updated_at            timestamptz not null default private.now(),
  constraint login_sources_user_source_key unique (user_id, source)
);
create index login_sources_updated_at on app.login_sources (updated_at);
create index login_sources_unknown on app.login_sources (updated_at) where last_login_at is null;
comment on index app.login_sources_pkey is 'One row, as the audit log names it: where id = ….';
comment on index app.login_sources_user_source_key is 'What an account has seen from one source: where user_id = … and source = ….';
comment on index app.login_sources_updated_at is 'Sources that have been quiet for long, for cleaning up: where updated_at < ….';
comment on index app.login_sources_unknown is 'Of those the ones that nobody has signed in from: where updated_at < … and last_login_at is null.';
comment on table app.login_sources is 'From where an account was signed in to, or guessed at: failures lock it for their own source.';
comment on column app.login_sources.id is 'Key; an address may not stand in the part of the audit log that an erasure leaves.';
comment on column app.login_sources.user_id is 'Which account.';
comment on column app.login_sources.source is 'From where: an IPv4 address, an IPv6 /64, or `unknown`.';
comment on column app.login_sources.failed_login_attempts is 'Failed logins since the last good one from there.';
comment on column app.login_sources.locked_until is 'Until when logins from there are refused; null or past means not locked.';
comment on column app.login_sources.last_login_at is 'Time of the last good login from there; null if there was none: the source is not known.';
comment on column app.login_sources.updated_at is 'Last login or failure.';

create table app.refresh_tokens (
  id                 uuid primary key default gen_random_uuid(),
  session_id         uuid not null constraint refresh_tokens_session_id_fkey references app.sessions on delete cascade,
  user_id            uuid not null constraint refresh_tokens_user_id_fkey references app.users on delete cascade,
  token_hash         app.digest not null constraint refresh_tokens_token_hash_key unique,
  sealed_secret      bytea not null constraint refresh_tokens_sealed_secret_length check (octet_length(sealed_secret) = 32),
  created_at         timestamptz not null default private.now(),
  expires_at         timestamptz not null,
  used_at            timestamptz,
  revoked_at         timestamptz,
  successor_salt     bytea constraint refresh_tokens_successor_salt_length check (octet_length(successor_salt) = 32),
  replaced_by        uuid
    constraint refresh_tokens_replaced_by_key unique
    constraint refresh_tokens_replaced_by_fkey references app.refresh_tokens deferrable initially deferred,
  device_fingerprint app.digest,
  client_address     inet,
  user_agent         text constraint refresh_tokens_user_agent_length check (char_length(user_agent) <= 300),
  constraint refresh_tokens_successor_is_used check ((replaced_by is null) or (used_at is not null)),
  constraint refresh_tokens_salt_is_used check ((successor_salt is null) or (replaced_by is not null))
);
create unique index refresh_tokens_one_live on app.refresh_tokens (session_id) where used_at is null and revoked_at is null;
create index refresh_tokens_session_id on app.refresh_tokens (session_id);
create index refresh_tokens_user_id on app.refresh_tokens (user_id);
create index refresh_tokens_salted on app.refresh_tokens (used_at) where successor_salt is not null;
comment on index app.refresh_tokens_pkey is 'The successor of a token: where id = ….';
comment on index app.refresh_tokens_token_hash_key is 'A presented token: where token_hash = ….';
comment on index app.refresh_tokens_replaced_by_key is 'The rule that a token has at most one predecessor: where replaced_by = ….';
comment on index app.refresh_tokens_one_live is 'The rule that a session has at most one live token: where session_id = … and used_at is null and revoked_at is null.';
comment on index app.refresh_tokens_session_id is 'All tokens of a session: where session_id = ….';
comment on index app.refresh_tokens_user_id is 'All tokens of a person, for export and erasure: where user_id = ….';
comment on index app.refresh_tokens_salted is 'Salts whose grace window has passed, to be erased: where used_at < … and successor_salt is not null.';

comment on table app.refresh_tokens is 'Refresh tokens as digests, each with its successor: the lineage that finds a stolen one.';
comment on column app.refresh_tokens.id is 'Key; random, since the token itself is not stored.';
comment on column app.refresh_tokens.session_id is 'Session that the token prolongs.';
comment on column app.refresh_tokens.user_id is 'Whose token it is; the same as the session''s.';
comment on column app.refresh_tokens.token_hash is 'SHA-256 of the token.';
comment on column app.refresh_tokens.sealed_secret is 'The session''s secret id, sealed with the token: readable only by who presents it.';
comment on column app.refresh_tokens.created_at is 'When it was issued.';
comment on column app.refresh_tokens.expires_at is 'Until when it may be presented unused.';
comment on column app.refresh_tokens.used_at is 'When it was exchanged; null while it is live.';
comment on column app.refresh_tokens.revoked_at is 'When its session was ended before it was used.';
comment on column app.refresh_tokens.successor_salt is 'Makes the successor from the token: sha256(token, salt). Erased after the grace window.';
comment on column app.refresh_tokens.replaced_by is 'The successor.';
comment on column app.refresh_tokens.device_fingerprint is 'SHA-256 of User-Agent and device name at issue.';
comment on column app.refresh_tokens.client_address is 'Address of the client that it was issued to.';
comment on column app.refresh_tokens.user_agent is 'User-Agent of the client that it was issued to.';

\ir ../functions/private/tg__refuse_moved_end.sql
\ir ../functions/private/current_session_id.sql

-- Which sessions count is said once; every look-up of an identity goes through here.
create view private.live_sessions with (security_barrier) as
  select s.id, s.user_id, s.secret_hash, s.database_role, s.last_used_at, s.expires_at
  from app.sessions s
  join app.users u on u.id = s.user_id
  where s.revoked_at is null
    and s.expires_at > private.now()
    and u.status in ('active', 'inactive');
comment on view private.live_sessions is 'Sessions that are neither ended nor expired, of users who may sign in. Owner''s rights, granted to nobody.';
comment on column private.live_sessions.id is 'Public id of the session.';
comment on column private.live_sessions.user_id is 'Who is signed in.';
comment on column private.live_sessions.secret_hash is 'SHA-256 of the secret id that the access tokens carry.';
comment on column private.live_sessions.database_role is 'Operator who acts as the user; null for a person''s own session.';
comment on column private.live_sessions.last_used_at is 'Last use, to within five minutes.';
comment on column private.live_sessions.expires_at is 'Absolute end.';

alter table app.login_sources enable row level security;
alter table app.login_sources force row level security;
create policy login_sources_owner on app.login_sources to roster_owner using (true) with check (true);
create policy login_sources_dba on app.login_sources for select to roster_dba using (true);
grant select on app.login_sources to roster_dba;
alter table app.sessions enable row level security;
alter table app.sessions force row level security;
alter table app.refresh_tokens enable row level security;
alter table app.refresh_tokens force row level security;
create policy sessions_owner on app.sessions to roster_owner using (true) with check (true);
create policy sessions_read_own on app.sessions for select to roster_user
  using (user_id = (select private.current_user_id()));
create policy sessions_read_all on app.sessions for select to roster_user
  using ((select private.has_permission('sessions:manage')));
create policy refresh_tokens_owner on app.refresh_tokens to roster_owner using (true) with check (true);

-- secret_hash is not granted, and nothing of refresh_tokens: no request reads a digest.
grant select (id, user_id, device_name, client_address, user_agent, database_role, methods, created_at, last_used_at,
              expires_at, revoked_at, revoked_reason)
  on app.sessions to roster_user;

create trigger _100_refuse_moved_end before update of expires_at, user_id on app.sessions
  for each row execute function private.tg__refuse_moved_end();
create trigger _900_record_change after insert or update or delete on app.sessions
  for each row execute function audit.tg__record_change('user_id', 'id', 'secret_hash', 'last_used_at');
create trigger _000_refuse_truncate before truncate on app.sessions
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.refresh_tokens
  for each row execute function audit.tg__record_change(
    'user_id', 'id', 'token_hash,sealed_secret,successor_salt,device_fingerprint', 'successor_salt');
create trigger _000_refuse_truncate before truncate on app.refresh_tokens
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.login_sources
  for each row execute function audit.tg__record_change('user_id', 'id', '', 'updated_at');
create trigger _000_refuse_truncate before truncate on app.login_sources
  for each statement execute function private.tg__refuse_truncate();

-- Who counts as an administrator, for the rule that somebody must remain one.
create view private.admins with (security_barrier) as
  select ur.user_id, ur.role_id
  from app.user_roles ur
  join app.roles r on r.id = ur.role_id and r.name = 'admin'
  join app.users u on u.id = ur.user_id and u.status in ('active', 'inactive') and u.password_hash is not null
  where ur.expires_at is null;
comment on view private.admins is 'Users with the role admin for good who can sign in. Owner''s rights, granted to nobody.';
comment on column private.admins.user_id is 'The administrator.';
comment on column private.admins.role_id is 'The role admin: who names it spares PostgreSQL to go through the roles of everybody.';
