-- What the law asks for. Consent is a history, not a flag: who agreed to which text when, and when they withdrew it.
-- Erasure leaves a record of itself, without the data.

create table app.consents (
  id             uuid primary key default private.uuid_v7(),
  user_id        uuid not null constraint consents_user_id_fkey references app.users on delete cascade,
  purpose        app.purpose not null,
  is_granted     boolean not null,
  text_version   app.text_version not null default '1',
  client_address inet,
  created_at     timestamptz not null default private.now()
);
create index consents_user_purpose on app.consents (user_id, purpose, created_at desc, id desc);
comment on index app.consents_pkey is 'One declaration: where id = ….';
comment on index app.consents_user_purpose is 'What holds now and what held before: where user_id = … and purpose = … order by created_at desc.';
comment on table app.consents is 'Declarations of consent, newest last; the newest of a purpose holds (GDPR, Art. 7).';
comment on column app.consents.id is 'Key, ordered by time.';
comment on column app.consents.user_id is 'Who declared it.';
comment on column app.consents.purpose is 'What for; data_processing is given at registration.';
comment on column app.consents.is_granted is 'true: given; false: withdrawn.';
comment on column app.consents.text_version is 'Version of the text that the person saw.';
comment on column app.consents.client_address is 'Address from which it was declared.';
comment on column app.consents.created_at is 'When it was declared.';

alter table app.consents enable row level security;
alter table app.consents force row level security;
create policy consents_owner on app.consents to roster_owner using (true) with check (true);
create policy consents_read_own on app.consents for select to roster_user
  using (user_id = (select private.current_user_id()));

-- Only reading is granted: history is added to by a function, and never changed.
grant select on app.consents to roster_user;

create trigger _900_record_change after insert or update or delete on app.consents
  for each row execute function audit.tg__record_change('user_id', 'id', '', '');
create trigger _000_refuse_truncate before truncate on app.consents
  for each statement execute function private.tg__refuse_truncate();

create table app.erasures (
  id         uuid primary key default private.uuid_v7(),
  user_id    uuid not null constraint erasures_user_id_fkey references app.users,
  reason     text not null constraint erasures_reason_known check (reason in ('request', 'retention', 'deletion')),
  removed    jsonb not null,
  erased_at  timestamptz not null default private.now(),
  checked_at timestamptz
);
create index erasures_unchecked on app.erasures (erased_at) where checked_at is null;
create unique index erasures_user_id on app.erasures (user_id);
comment on index app.erasures_pkey is 'One erasure: where id = ….';
comment on index app.erasures_user_id is 'Whether and when a person was erased, which happens once: where user_id = ….';
comment on index app.erasures_unchecked is 'Erasures to be looked after once more: where checked_at is null and erased_at < ….';
comment on table app.erasures is 'What was erased when, without the data (GDPR, Art. 17 and 5 (2)).';
comment on column app.erasures.id is 'Key, ordered by time.';
comment on column app.erasures.user_id is 'The account that is a tombstone since.';
comment on column app.erasures.reason is 'request: by an administrator; retention: data_retention_until had passed; deletion: the time to restore had passed.';
comment on column app.erasures.removed is 'How many rows of each table were removed or emptied.';
comment on column app.erasures.erased_at is 'When.';
comment on column app.erasures.checked_at is 'When it was looked once more for what a request of that moment may have written.';

alter table app.erasures enable row level security;
alter table app.erasures force row level security;
create policy erasures_owner on app.erasures to roster_owner using (true) with check (true);
create policy erasures_dba on app.erasures for select to roster_dba, roster_auditor using (true);
grant select on app.erasures to roster_dba, roster_auditor;

create trigger _900_record_change after insert or update or delete on app.erasures
  for each row execute function audit.tg__record_change('user_id', 'id', '', 'checked_at');
create trigger _000_refuse_truncate before truncate on app.erasures
  for each statement execute function private.tg__refuse_truncate();
