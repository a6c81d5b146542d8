-- What keeps the service going: jobs that fall due, answers that may be asked for again, and which functions are deployed.

create table app.jobs (
  name          text primary key constraint jobs_name_form check (name ~ '^[a-z][a-z_]{1,63}$'),
  command       text not null,
  run_every     interval not null constraint jobs_run_every_range check (run_every >= '10 seconds'),
  run_at        time,
  is_enabled    boolean not null default true,
  next_run_at   timestamptz not null default private.now(),
  last_run_at   timestamptz,
  last_duration interval,
  last_result   text,
  last_error    text
);
comment on index app.jobs_pkey is 'One job: where name = ….';
comment on table app.jobs is 'Recurring work of the database. admin.run_due_jobs() runs what is due.';
comment on column app.jobs.name is 'Name.';
comment on column app.jobs.command is 'Function of schema admin that is called, without arguments.';
comment on column app.jobs.run_every is 'Time from one run to the next.';
comment on column app.jobs.run_at is 'Time of day (UTC) of daily work; null: counted from the last run.';
comment on column app.jobs.is_enabled is 'Whether it runs at all.';
comment on column app.jobs.next_run_at is 'When it is due.';
comment on column app.jobs.last_run_at is 'When it last ran.';
comment on column app.jobs.last_duration is 'How long that took.';
comment on column app.jobs.last_result is 'What it returned.';
comment on column app.jobs.last_error is 'Why the last run failed; null when it succeeded.';

insert into app.jobs (name, command, run_every) values
  ('create_audit_partitions', 'create_audit_partitions', '1 day'),
  ('erase_expired_salts',     'erase_expired_salts',     '1 minute');
insert into app.jobs (name, command, run_every, run_at) values
  ('cleanup_expired_data', 'cleanup_expired_data', '1 day', '02:00');

create domain app.stored_answer as json
  constraint stored_answer_is_something check (json_typeof(value) <> 'null');
comment on domain app.stored_answer is 'The body of an answer, kept to be given again: a copy of what other tables hold, perhaps about other people.';

\ir ../functions/private/ids_in.sql

create table app.idempotency_keys (
  key_hash     app.digest primary key,
  user_id      uuid constraint idempotency_keys_user_id_fkey references app.users on delete cascade,
  session_hash app.digest,
  route        text not null,
  request_hash app.digest not null,
  status       integer not null constraint idempotency_keys_status_range check (status between 200 and 499),
  problem      jsonb,
  answer       app.stored_answer,
  headers      jsonb not null,
  created_at   timestamptz not null default private.now(),
  expires_at   timestamptz not null default private.now() + interval '24 hours'
);
create index idempotency_keys_user_id on app.idempotency_keys (user_id);
create index idempotency_keys_expires_at on app.idempotency_keys (expires_at);
create index idempotency_keys_shown on app.idempotency_keys using gin (private.ids_in(answer::text));
comment on index app.idempotency_keys_pkey is 'The first answer to a repeated request: where key_hash = ….';
comment on index app.idempotency_keys_user_id is 'All answers to a person, for export and erasure: where user_id = ….';
comment on index app.idempotency_keys_shown is 'Answers that show somebody, for their erasure: where private.ids_in(answer::text) @> ….';
comment on index app.idempotency_keys_expires_at is 'Keys past their end, for cleaning up: where expires_at < ….';
comment on table app.idempotency_keys is 'First answers to requests that carried an Idempotency-Key, written in the transaction of their effect. Never the answer of a route that hands out a secret.';
comment on column app.idempotency_keys.key_hash is 'Keyed digest of who asked and of the key.';
comment on column app.idempotency_keys.user_id is 'Who asked; null: somebody who was not signed in.';
comment on column app.idempotency_keys.session_hash is 'Digest of the session that the request itself ended: who has its token may still ask for this answer.';
comment on column app.idempotency_keys.route is 'Function that was called.';
comment on column app.idempotency_keys.request_hash is 'Keyed digest of the request without its secret fields.';
comment on column app.idempotency_keys.status is 'HTTP status of the first answer.';
comment on column app.idempotency_keys.problem is 'What was refused, if it was.';
comment on column app.idempotency_keys.answer is 'Body of the first answer; null if it had none.';
comment on column app.idempotency_keys.headers is 'Headers of the first answer that belong to its effect.';
comment on column app.idempotency_keys.created_at is 'When the first request came.';
comment on column app.idempotency_keys.expires_at is 'Until when the answer is given again.';

create table http.deployed (
  is_only          boolean primary key default true constraint deployed_one_row check (is_only),
  functions_digest text,
  deployed_at      timestamptz not null default clock_timestamp()
);
insert into http.deployed default values;
comment on table http.deployed is 'Which set of functions this database has. One row, written by db/functions/finish.sql.';
comment on column http.deployed.is_only is 'Always true: the table has one row.';
comment on column http.deployed.functions_digest is 'SHA-256 (hex) of the functions'' sources; running services compare it with what they serve.';
comment on column http.deployed.deployed_at is 'When they were deployed.';

-- Not every account has the same least length, so a function may tell it beside the words.
create type http.password_rules as (
  words      text[],
  length_min integer
);
comment on type http.password_rules is 'What a function named by `avoiding` may return in place of the words alone.';
comment on column http.password_rules.words is 'Words that the password may not resemble.';
comment on column http.password_rules.length_min is 'Characters that it has at least, from 8; null for the usual 15.';

alter table app.jobs enable row level security;
alter table app.jobs force row level security;
alter table app.idempotency_keys enable row level security;
alter table app.idempotency_keys force row level security;
alter table http.deployed enable row level security;
alter table http.deployed force row level security;
create policy jobs_owner on app.jobs to roster_owner using (true) with check (true);
create policy jobs_dba on app.jobs to roster_dba using (true) with check (true);
create policy idempotency_keys_owner on app.idempotency_keys to roster_owner using (true) with check (true);
create policy deployed_owner on http.deployed to roster_owner using (true) with check (true);
create policy deployed_read on http.deployed for select to roster_authenticator using (true);
grant select on app.jobs to roster_dba;
grant update (run_every, run_at, is_enabled, next_run_at) on app.jobs to roster_dba;
grant select on http.deployed to roster_authenticator;

\ir ../functions/private/tg__record_postponement.sql

-- What a run writes is no event: the table itself says how it went.
create trigger _900_record_change after insert or update or delete on app.jobs
  for each row execute function audit.tg__record_change('', 'name', '', 'next_run_at,last_run_at,last_duration,last_result,last_error');
create trigger _000_refuse_truncate before truncate on app.jobs
  for each statement execute function private.tg__refuse_truncate();
create trigger _910_record_postponement after update on app.jobs
  for each row when (old.next_run_at is distinct from new.next_run_at and old.last_run_at is not distinct from new.last_run_at)
  execute function private.tg__record_postponement();
