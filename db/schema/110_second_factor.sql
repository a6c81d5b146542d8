-- A second factor beside the password: the authenticator app's secret, the codes for the day it is lost, and sign-ins
-- that wait for one of them. The secret has to be read to check a code, so it is encrypted by the service, whose key is
-- not in the database: a dump holds nothing that makes codes.

create domain app.sealed_secret as text
  constraint sealed_secret_form check (value ~ '^[0-9a-f]{16}\.[A-Za-z0-9_-]{64,171}$');
comment on domain app.sealed_secret is 'A secret that the service has encrypted: id of the key, a dot, nonce and ciphertext (AES-256-GCM) in base64url. (secret)';

create domain app.totp_step as bigint
  constraint totp_step_range check (value >= 0);
comment on domain app.totp_step is 'A time step of 30 seconds since 1970 (RFC 6238) whose code was given; 0 for a code that fits none.';

create domain app.recovery_code as text
  constraint recovery_code_form check (value ~ '^[0-9A-Za-z]{5}-?[0-9A-Za-z]{5}-?[0-9A-Za-z]{5}-?[0-9A-Za-z]{5}-?[0-9A-Za-z]{5}$');
comment on domain app.recovery_code is 'A recovery code: 25 letters and digits, with or without the hyphens. (secret)';

create table app.totp_factors (
  id            uuid primary key default private.uuid_v7(),
  user_id       uuid not null constraint totp_factors_user_id_fkey references app.users on delete cascade,
  sealed_secret app.sealed_secret not null,
  last_step     app.totp_step,
  failures      integer not null default 0,
  created_at    timestamptz not null default private.now(),
  confirmed_at  timestamptz,
  constraint totp_factors_step_when_confirmed check ((confirmed_at is null) = (last_step is null))
);
create unique index totp_factors_one_of_each on app.totp_factors (user_id, (confirmed_at is null));
create index totp_factors_pending on app.totp_factors (created_at) where confirmed_at is null;
comment on index app.totp_factors_pkey is 'One row, as the audit log names it: where id = ….';
comment on index app.totp_factors_one_of_each is 'The rule that a person has at most one app in force and one that waits to be confirmed; the factor of a person: where user_id = ….';
comment on index app.totp_factors_pending is 'Enrolments that were never confirmed, for cleaning up: where created_at < … and confirmed_at is null.';
comment on table app.totp_factors is 'Authenticator apps (TOTP, RFC 6238): one a person that is in force, and beside it at most one that waits for a code to confirm it, and then takes its place.';
comment on column app.totp_factors.id is 'Key.';
comment on column app.totp_factors.user_id is 'Whose factor it is.';
comment on column app.totp_factors.sealed_secret is 'The shared secret, encrypted with a key that only the service has.';
comment on column app.totp_factors.last_step is 'Time step of the last code that was taken: no code counts twice.';
comment on column app.totp_factors.failures is 'Wrong codes since the last right one; the fifth ends an enrolment that waits to be confirmed.';
comment on column app.totp_factors.created_at is 'When it was enrolled.';
comment on column app.totp_factors.confirmed_at is 'When a code showed that the app has the secret; null: not in force yet.';

create table app.recovery_codes (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null constraint recovery_codes_user_id_fkey references app.users on delete cascade,
  code_hash  app.digest not null constraint recovery_codes_code_hash_key unique,
  created_at timestamptz not null default private.now(),
  used_at    timestamptz
);
create index recovery_codes_user_id on app.recovery_codes (user_id);
comment on index app.recovery_codes_pkey is 'One code: where id = ….';
comment on index app.recovery_codes_code_hash_key is 'A presented code: where code_hash = ….';
comment on index app.recovery_codes_user_id is 'The codes of a person: where user_id = ….';
comment on table app.recovery_codes is 'Codes that stand in for an authenticator app that is lost, each once.';
comment on column app.recovery_codes.id is 'Key.';
comment on column app.recovery_codes.user_id is 'Whose code it is.';
comment on column app.recovery_codes.code_hash is 'HMAC-SHA-256 of the account and the code under a key of the database.';
comment on column app.recovery_codes.created_at is 'When it was made.';
comment on column app.recovery_codes.used_at is 'When it was used; null while it works.';

create table app.login_challenges (
  id          uuid primary key default private.uuid_v7(),
  user_id     uuid not null constraint login_challenges_user_id_fkey references app.users on delete cascade,
  token_hash  app.digest not null constraint login_challenges_token_hash_key unique,
  device_name app.device_name,
  attempts    integer not null default 0 constraint login_challenges_attempts_range check (attempts between 0 and 5),
  created_at  timestamptz not null default private.now(),
  expires_at  timestamptz not null,
  used_at     timestamptz,
  revoked_at  timestamptz
);
create index login_challenges_user_id on app.login_challenges (user_id);
create index login_challenges_expires_at on app.login_challenges (expires_at);
comment on index app.login_challenges_pkey is 'One challenge: where id = ….';
comment on index app.login_challenges_token_hash_key is 'A presented challenge: where token_hash = ….';
comment on index app.login_challenges_user_id is 'The challenges of a person: where user_id = ….';
comment on index app.login_challenges_expires_at is 'Challenges past their end, for cleaning up: where expires_at < ….';
comment on table app.login_challenges is 'Sign-ins whose password was right and that wait for the second factor.';
comment on column app.login_challenges.id is 'Key.';
comment on column app.login_challenges.user_id is 'Who is signing in.';
comment on column app.login_challenges.token_hash is 'SHA-256 of the challenge.';
comment on column app.login_challenges.device_name is 'What the person called the device.';
comment on column app.login_challenges.attempts is 'Wrong codes given so far; the fifth ends it.';
comment on column app.login_challenges.created_at is 'When the password was right.';
comment on column app.login_challenges.expires_at is 'Until when a code is taken.';
comment on column app.login_challenges.used_at is 'When the second factor was right.';
comment on column app.login_challenges.revoked_at is 'When too many wrong codes, or a change of password or status, ended it.';

alter table app.totp_factors enable row level security;
alter table app.totp_factors force row level security;
alter table app.recovery_codes enable row level security;
alter table app.recovery_codes force row level security;
alter table app.login_challenges enable row level security;
alter table app.login_challenges force row level security;
create policy totp_factors_owner on app.totp_factors to roster_owner using (true) with check (true);
create policy totp_factors_read_own on app.totp_factors for select to roster_user
  using (user_id = (select private.current_user_id()));
create policy totp_factors_read_all on app.totp_factors for select to roster_user
  using ((select private.has_permission('users:read')));
create policy recovery_codes_owner on app.recovery_codes to roster_owner using (true) with check (true);
create policy login_challenges_owner on app.login_challenges to roster_owner using (true) with check (true);

-- Whether somebody has a factor is part of the account; the secret and the codes are granted to nobody.
grant select (user_id, confirmed_at) on app.totp_factors to roster_user;

create trigger _200_touch_owner after insert or delete or update of confirmed_at on app.totp_factors
  for each row execute function private.tg__touch_owner();
create trigger _000_refuse_truncate before truncate on app.totp_factors
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.totp_factors
  for each row execute function audit.tg__record_change('user_id', 'id', 'sealed_secret', 'failures');
create trigger _000_refuse_truncate before truncate on app.recovery_codes
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.recovery_codes
  for each row execute function audit.tg__record_change('user_id', 'id', 'code_hash', '');
create trigger _000_refuse_truncate before truncate on app.login_challenges
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.login_challenges
  for each row execute function audit.tg__record_change('user_id', 'id', 'token_hash', '');
