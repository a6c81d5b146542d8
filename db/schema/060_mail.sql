-- What is sent to people, and the tokens that they send back. A token is stored as a digest;
-- its plain text stands only in the outbox until the message is delivered.

create table app.password_reset_tokens (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null constraint password_reset_tokens_user_id_fkey references app.users on delete cascade,
  token_hash app.digest not null constraint password_reset_tokens_token_hash_key unique,
  purpose    text not null default 'reset' constraint password_reset_tokens_purpose_known check (purpose in ('reset', 'invitation')),
  created_at timestamptz not null default private.now(),
  expires_at timestamptz not null,
  used_at    timestamptz,
  revoked_at timestamptz
);
create unique index password_reset_tokens_one_live on app.password_reset_tokens (user_id) where used_at is null and revoked_at is null;
create index password_reset_tokens_user_id on app.password_reset_tokens (user_id);
create index password_reset_tokens_expires_at on app.password_reset_tokens (expires_at);
comment on index app.password_reset_tokens_pkey is 'One token row: where id = ….';
comment on index app.password_reset_tokens_token_hash_key is 'A presented token: where token_hash = ….';
comment on index app.password_reset_tokens_one_live is 'The rule that only the newest token works: where user_id = … and used_at is null and revoked_at is null.';
comment on index app.password_reset_tokens_user_id is 'All tokens of a person: where user_id = ….';
comment on index app.password_reset_tokens_expires_at is 'Tokens past their end, for cleaning up: where expires_at < ….';
comment on table app.password_reset_tokens is 'Mailed tokens that set a password: after it was forgotten, or for the first time by invitation.';
comment on column app.password_reset_tokens.id is 'Key.';
comment on column app.password_reset_tokens.user_id is 'Whose password it sets.';
comment on column app.password_reset_tokens.token_hash is 'SHA-256 of the token.';
comment on column app.password_reset_tokens.purpose is 'reset or invitation.';
comment on column app.password_reset_tokens.created_at is 'When it was issued.';
comment on column app.password_reset_tokens.expires_at is 'Until when it works.';
comment on column app.password_reset_tokens.used_at is 'When it was used.';
comment on column app.password_reset_tokens.revoked_at is 'When a newer token, or a change of email or password, ended it.';

create table app.email_verification_tokens (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null constraint email_verification_tokens_user_id_fkey references app.users on delete cascade,
  email      app.email not null,
  token_hash app.digest not null constraint email_verification_tokens_token_hash_key unique,
  created_at timestamptz not null default private.now(),
  expires_at timestamptz not null,
  used_at    timestamptz,
  revoked_at timestamptz
);
create unique index email_verification_tokens_one_live on app.email_verification_tokens (user_id) where used_at is null and revoked_at is null;
create index email_verification_tokens_user_id on app.email_verification_tokens (user_id);
create index email_verification_tokens_expires_at on app.email_verification_tokens (expires_at);
comment on index app.email_verification_tokens_pkey is 'One token row: where id = ….';
comment on index app.email_verification_tokens_token_hash_key is 'A presented token: where token_hash = ….';
comment on index app.email_verification_tokens_one_live is 'The rule that only the newest token works: where user_id = … and used_at is null and revoked_at is null.';
comment on index app.email_verification_tokens_user_id is 'All tokens of a person: where user_id = ….';
comment on index app.email_verification_tokens_expires_at is 'Tokens past their end, for cleaning up: where expires_at < ….';
comment on table app.email_verification_tokens is 'Mailed tokens that show that an address belongs to the person.';
comment on column app.email_verification_tokens.id is 'Key.';
comment on column app.email_verification_tokens.user_id is 'Who shows it.';
comment on column app.email_verification_tokens.email is 'The address that it was sent to and verifies.';
comment on column app.email_verification_tokens.token_hash is 'SHA-256 of the token.';
comment on column app.email_verification_tokens.created_at is 'When it was issued.';
comment on column app.email_verification_tokens.expires_at is 'Until when it works.';
comment on column app.email_verification_tokens.used_at is 'When it was used.';
comment on column app.email_verification_tokens.revoked_at is 'When a newer token, or a change of email or password, ended it.';

create table app.phone_verification_codes (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null constraint phone_verification_codes_user_id_fkey references app.users on delete cascade,
  phone      app.phone not null,
  code_hash  app.digest not null,
  attempts   integer not null default 0 constraint phone_verification_codes_attempts_range check (attempts between 0 and 5),
  created_at timestamptz not null default private.now(),
  expires_at timestamptz not null,
  used_at    timestamptz,
  revoked_at timestamptz
);
create unique index phone_verification_codes_one_live on app.phone_verification_codes (user_id) where used_at is null and revoked_at is null;
create index phone_verification_codes_user_id on app.phone_verification_codes (user_id);
create index phone_verification_codes_expires_at on app.phone_verification_codes (expires_at);
comment on index app.phone_verification_codes_pkey is 'One code row: where id = ….';
comment on index app.phone_verification_codes_one_live is 'The rule that only the newest code works: where user_id = … and used_at is null and revoked_at is null.';
comment on index app.phone_verification_codes_user_id is 'All codes of a person: where user_id = ….';
comment on index app.phone_verification_codes_expires_at is 'Codes past their end, for cleaning up: where expires_at < ….';
comment on table app.phone_verification_codes is 'Codes sent to a telephone that show that the number belongs to the person.';
comment on column app.phone_verification_codes.id is 'Key.';
comment on column app.phone_verification_codes.user_id is 'Who shows it.';
comment on column app.phone_verification_codes.phone is 'The number that it was sent to and verifies.';
comment on column app.phone_verification_codes.code_hash is 'HMAC-SHA-256 of the code under a key of the database: six digits alone could be guessed from a plain digest.';
comment on column app.phone_verification_codes.attempts is 'Wrong codes given so far; the fifth ends it.';
comment on column app.phone_verification_codes.created_at is 'When it was issued.';
comment on column app.phone_verification_codes.expires_at is 'Until when it works.';
comment on column app.phone_verification_codes.used_at is 'When it was used.';
comment on column app.phone_verification_codes.revoked_at is 'When a newer code, or too many wrong ones, ended it.';

create domain app.message_payload as jsonb
  constraint message_payload_is_object check (jsonb_typeof(value) = 'object');
comment on domain app.message_payload is 'What a message needs, tokens and codes included: as secret as they are.';

create table app.outbox (
  id              uuid primary key default private.uuid_v7(),
  user_id         uuid constraint outbox_user_id_fkey references app.users on delete cascade,
  channel         text not null constraint outbox_channel_known check (channel in ('email', 'sms')),
  template        text not null constraint outbox_template_form check (template ~ '^[a-z_]{2,64}$'),
  recipient       text,
  payload         app.message_payload,
  attempts        integer not null default 0 constraint outbox_attempts_range check (attempts >= 0),
  next_attempt_at timestamptz default private.now(),
  last_error      text,
  created_at      timestamptz not null default private.now(),
  sent_at         timestamptz,
  failed_at       timestamptz,
  constraint outbox_nothing_kept_when_done check (
    (sent_at is null and failed_at is null) or (payload is null and recipient is null and next_attempt_at is null))
);
create index outbox_due on app.outbox (next_attempt_at) where next_attempt_at is not null;
create index outbox_user_id on app.outbox (user_id);
create index outbox_done on app.outbox ((coalesce(sent_at, failed_at)));
create index outbox_failed on app.outbox (failed_at) where failed_at is not null;
comment on index app.outbox_pkey is 'One message: where id = ….';
comment on index app.outbox_due is 'Messages to be sent now: where next_attempt_at <= … order by next_attempt_at for update skip locked.';
comment on index app.outbox_user_id is 'All messages to a person: where user_id = ….';
comment on index app.outbox_done is 'Messages that were sent or given up, for cleaning up: where coalesce(sent_at, failed_at) < ….';
comment on index app.outbox_failed is 'Messages that were given up: where failed_at is not null.';
comment on table app.outbox is 'Messages to be delivered, written in the transaction of their cause.';
comment on column app.outbox.id is 'Key, ordered by time; also the Message-ID.';
comment on column app.outbox.user_id is 'To whom; null where the recipient has no account.';
comment on column app.outbox.channel is 'email or sms.';
comment on column app.outbox.template is 'Which text is sent.';
comment on column app.outbox.recipient is 'Address or telephone number; erased when the message is done.';
comment on column app.outbox.payload is 'What the text needs, tokens included; erased when the message is done.';
comment on column app.outbox.attempts is 'How often delivery was tried.';
comment on column app.outbox.next_attempt_at is 'When it is tried next; null when the message is done.';
comment on column app.outbox.last_error is 'What the last failed attempt said.';
comment on column app.outbox.created_at is 'When it was written.';
comment on column app.outbox.sent_at is 'When it was handed over.';
comment on column app.outbox.failed_at is 'When it was given up.';

alter table app.password_reset_tokens enable row level security;
alter table app.password_reset_tokens force row level security;
alter table app.email_verification_tokens enable row level security;
alter table app.email_verification_tokens force row level security;
alter table app.phone_verification_codes enable row level security;
alter table app.phone_verification_codes force row level security;
alter table app.outbox enable row level security;
alter table app.outbox force row level security;
create policy password_reset_tokens_owner on app.password_reset_tokens to roster_owner using (true) with check (true);
create policy email_verification_tokens_owner on app.email_verification_tokens to roster_owner using (true) with check (true);
create policy phone_verification_codes_owner on app.phone_verification_codes to roster_owner using (true) with check (true);
create policy outbox_owner on app.outbox to roster_owner using (true) with check (true);
create policy outbox_dba on app.outbox for select to roster_dba using (true);

-- Nothing is granted to request roles. Operators see what is stuck, not what it says.
grant select (id, user_id, channel, template, attempts, next_attempt_at, last_error, created_at, sent_at, failed_at)
  on app.outbox to roster_dba;

create trigger _900_record_change after insert or update or delete on app.password_reset_tokens
  for each row execute function audit.tg__record_change('user_id', 'id', 'token_hash', '');
create trigger _000_refuse_truncate before truncate on app.password_reset_tokens
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.email_verification_tokens
  for each row execute function audit.tg__record_change('user_id', 'id', 'token_hash', '');
create trigger _000_refuse_truncate before truncate on app.email_verification_tokens
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.phone_verification_codes
  for each row execute function audit.tg__record_change('user_id', 'id', 'code_hash', '');
create trigger _000_refuse_truncate before truncate on app.phone_verification_codes
  for each statement execute function private.tg__refuse_truncate();
-- To whom a message went is kept nowhere once it is done, and where there is no account nothing would ever erase it.
create trigger _900_record_change after insert or update or delete on app.outbox
  for each row execute function audit.tg__record_change(
    'user_id', 'id', 'recipient,payload,last_error', 'recipient,payload,last_error,attempts,next_attempt_at');
create trigger _000_refuse_truncate before truncate on app.outbox
  for each statement execute function private.tg__refuse_truncate();
