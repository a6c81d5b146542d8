-- Seals make the log tamper-evident, also against a superuser: each holds a digest over finished rows and over the seal
-- before it, so that whoever changes the past has to make every later seal anew, and the head that is kept elsewhere
-- (`pgroster audit head`) no longer fits.
--
-- Rows are sealed in the order of (transaction_id, id): what a transaction older than all running ones wrote is complete,
-- so a position once passed never gets another row. A log that was restored into another cluster meets lower
-- transaction ids; it goes on in a new epoch, whose rows are told by their ids.

set local role roster_audit_owner;

create table audit.seals (
  number            bigint constraint seals_pkey primary key,
  kind              text not null default 'rows' constraint seals_kind_known check (kind in ('rows', 'drop')),
  epoch             integer not null,
  after_id          bigint not null,
  system_identifier bigint not null,
  month             date not null,
  from_transaction  xid8 not null,
  from_id           bigint not null,
  to_transaction    xid8 not null,
  to_id             bigint not null,
  last_id           bigint not null,
  row_count         bigint not null,
  ids               int8multirange not null,
  checks            bytea not null,
  rows_digest       bytea not null constraint seals_rows_digest_length check (octet_length(rows_digest) = 32),
  sealed_at         timestamptz not null,
  previous_digest   bytea not null constraint seals_previous_digest_length check (octet_length(previous_digest) = 32),
  digest            bytea not null constraint seals_digest_length check (octet_length(digest) = 32)
);
-- Random bytes do not compress.
alter table audit.seals alter column checks set storage external;
create index seals_month on audit.seals (month, number);
create index seals_dropped on audit.seals (month) where kind = 'drop';
create index seals_sealed_at on audit.seals (sealed_at, number);
create index seals_epoch on audit.seals (epoch, number);
comment on index audit.seals_pkey is 'The chain: order by number.';
comment on index audit.seals_month is 'The seals of one partition: where month = … order by number.';
comment on index audit.seals_dropped is 'The months that were dropped: where kind = ''drop''.';
comment on index audit.seals_sealed_at is 'The seals of a time: where sealed_at >= … order by sealed_at, number.';
comment on index audit.seals_epoch is 'Where an epoch ends: where epoch > … order by epoch, number limit 1.';

comment on table audit.seals is 'The chain of seals over the log, and over the partitions that have left it. Append-only.';
comment on column audit.seals.number is 'Place in the chain, without gaps.';
comment on column audit.seals.kind is 'rows: covers rows. drop: tells that the partition of the month was dropped; what it covered is row_count.';
comment on column audit.seals.epoch is 'Counts the clusters whose transaction ids the log has had.';
comment on column audit.seals.after_id is 'The rows of this epoch have greater ids.';
comment on column audit.seals.system_identifier is 'Cluster whose transaction ids these are.';
comment on column audit.seals.month is 'Partition of the covered rows (UTC).';
comment on column audit.seals.from_transaction is 'First position covered: (transaction_id, id) of a row, included.';
comment on column audit.seals.from_id is 'Second half of that position.';
comment on column audit.seals.to_transaction is 'Last position covered, excluded: the next seals begin there.';
comment on column audit.seals.to_id is 'Second half of that position.';
comment on column audit.seals.last_id is 'Greatest id that was sealed so far.';
comment on column audit.seals.row_count is 'How many rows it covers.';
comment on column audit.seals.ids is 'Which ids they have; the gaps are transactions that were rolled back, or covered by other seals.';
comment on column audit.seals.checks is 'The first 8 bytes of each row''s digest in the order of ids, to find the row that does not fit.';
comment on column audit.seals.rows_digest is 'SHA-256 of the rows'' digests in the order of ids; of a drop: of the archive, or zero.';
comment on column audit.seals.sealed_at is 'When it was made (the clock of private.now()).';
comment on column audit.seals.previous_digest is 'Digest of the seal before; zero for the first.';
comment on column audit.seals.digest is 'SHA-256 of audit.seal_text(): everything else in this row.';

alter table audit.seals enable row level security;
alter table audit.seals force row level security;
create policy seals_append on audit.seals for insert to roster_audit_owner with check (true);
create policy seals_owner_read on audit.seals for select to roster_audit_owner using (true);
create policy seals_read on audit.seals for select to roster_auditor using (true);
grant select on audit.seals to roster_auditor;

create trigger _000_refuse_change before update or delete on audit.seals
  for each row execute function audit.tg__refuse_change();
create trigger _001_refuse_truncate before truncate on audit.seals
  for each statement execute function audit.tg__refuse_change();

-- What has been written to a file, so that its partition may go.
create table audit.archives (
  month         date not null,
  file_digest   bytea not null constraint archives_file_digest_length check (octet_length(file_digest) = 32),
  file_name     text not null,
  file_size     bigint not null,
  row_count     bigint not null,
  last_seal     bigint not null,
  archived_at   timestamptz not null,
  database_role text not null,
  constraint archives_pkey primary key (month, file_digest)
);
comment on index audit.archives_pkey is 'The archives of one partition: where month = ….';
comment on table audit.archives is 'Files that partitions of the log were written to by `pgroster audit archive`. Append-only.';
comment on column audit.archives.month is 'Partition.';
comment on column audit.archives.file_digest is 'SHA-256 of the file.';
comment on column audit.archives.file_name is 'Name that it had.';
comment on column audit.archives.file_size is 'Its bytes.';
comment on column audit.archives.row_count is 'Rows in it: all of the partition.';
comment on column audit.archives.last_seal is 'The last seal over the partition when it was written.';
comment on column audit.archives.archived_at is 'When it was written.';
comment on column audit.archives.database_role is 'Database login that wrote it.';

alter table audit.archives enable row level security;
alter table audit.archives force row level security;
create policy archives_append on audit.archives for insert to roster_audit_owner with check (true);
create policy archives_owner_read on audit.archives for select to roster_audit_owner using (true);
create policy archives_read on audit.archives for select to roster_auditor using (true);
grant select on audit.archives to roster_auditor;

create trigger _000_refuse_change before update or delete on audit.archives
  for each row execute function audit.tg__refuse_change();
create trigger _001_refuse_truncate before truncate on audit.archives
  for each statement execute function audit.tg__refuse_change();

-- The one definition of what a seal covers of a row. The personal parts are covered by their digests, so that they can be
-- erased. A column that is added later is left out of the text where it is null: the seals over older rows then still hold.
create view audit.sealed_rows with (security_invoker, security_barrier) as
  select l.occurred_at, l.transaction_id, l.id, l.user_id, l.actor_user_id,
         jsonb_build_object(
           'id', l.id, 'transaction_id', l.transaction_id,
           'occurred_at', to_char(l.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'action', l.action, 'entity', l.entity, 'entity_id', l.entity_id, 'user_id', l.user_id,
           'actor_user_id', l.actor_user_id, 'actor_session_id', l.actor_session_id,
           'actor_api_key_id', l.actor_api_key_id, 'database_role', l.database_role,
           'application_name', l.application_name, 'request_id', l.request_id, 'route', l.route,
           'changed_fields', l.changed_fields, 'details', l.details,
           'values_digest', encode(l.values_digest, 'hex'), 'origin_digest', encode(l.origin_digest, 'hex'))::text as content,
         jsonb_build_array(l.old_values, l.new_values)::text as values_text, l.values_salt,
         jsonb_build_array(l.client_address, l.user_agent)::text as origin_text, l.origin_salt,
         case when l.values_salt is null then l.old_values is null and l.new_values is null
              else coalesce(audit.values_digest(l.values_salt, l.old_values, l.new_values) = l.values_digest, false)
         end as values_hold,
         case when l.origin_salt is null then l.client_address is null and l.user_agent is null
              else coalesce(audit.origin_digest(l.origin_salt, l.client_address, l.user_agent) = l.origin_digest, false)
         end as origin_holds
  from audit.audit_logs l;
comment on view audit.sealed_rows is 'The rows of the log as seals see them.';
comment on column audit.sealed_rows.occurred_at is 'When it happened.';
comment on column audit.sealed_rows.transaction_id is 'First half of the row''s position.';
comment on column audit.sealed_rows.id is 'Second half of the row''s position.';
comment on column audit.sealed_rows.user_id is 'Whom it is about.';
comment on column audit.sealed_rows.actor_user_id is 'Who did it.';
comment on column audit.sealed_rows.content is 'What its digest is taken over.';
comment on column audit.sealed_rows.values_text is 'What values_digest is taken over, after the salt.';
comment on column audit.sealed_rows.values_salt is 'That salt; null when the values were erased.';
comment on column audit.sealed_rows.origin_text is 'What origin_digest is taken over, after the salt.';
comment on column audit.sealed_rows.origin_salt is 'That salt; null when the origin was erased.';
comment on column audit.sealed_rows.values_hold is 'Whether the values fit their digest, or are erased together with their salt.';
comment on column audit.sealed_rows.origin_holds is 'The same for address and user agent.';

\ir ../functions/audit/opening.sql
\ir ../functions/audit/tg__guard_ddl.sql

-- Only a superuser can install event triggers. Without them the log relies on its owner, whom nobody can become but the
-- login that migrates; `pgroster doctor` says so.
set local role none;
do $$
begin
  if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) then
    create event trigger pgroster_guard_start on ddl_command_start execute function audit.tg__guard_ddl();
    create event trigger pgroster_guard_end on ddl_command_end execute function audit.tg__guard_ddl();
    create event trigger pgroster_guard_drop on sql_drop execute function audit.tg__guard_ddl();
  end if;
end
$$;

set local role roster_owner;
insert into app.jobs (name, command, run_every) values
  ('seal_audit', 'seal_audit', '10 seconds');
insert into app.jobs (name, command, run_every, run_at) values
  ('drop_expired_audit', 'drop_expired_audit', '1 day', '03:00');
