-- Consent is a history, not a flag: who agreed to which text when, and when they withdrew it.

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
