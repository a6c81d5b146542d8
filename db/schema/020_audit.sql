-- The audit log comes before what it watches. It belongs to a role of its own that nobody is a member of,
-- so that not even the owner of the tables can change a row of it.

\ir ../functions/private/is_api_key.sql
\ir ../functions/private/in_scope.sql
\ir ../functions/private/current_actor.sql
\ir ../functions/private/current_user_id.sql
\ir ../functions/private/is_dba.sql
\ir ../functions/private/has_permission.sql

set local role roster_audit_owner;

create sequence audit.audit_logs_id_seq;

create table audit.audit_logs (
  id               bigint not null default nextval('audit.audit_logs_id_seq'),
  occurred_at      timestamptz not null,
  transaction_id   xid8 not null default pg_current_xact_id(),
  action           text not null,
  entity           text,
  entity_id        text,
  user_id          uuid,
  actor_user_id    uuid,
  actor_session_id uuid,
  actor_api_key_id uuid,
  database_role    text not null,
  application_name text,
  request_id       text,
  route            text,
  client_address   inet,
  user_agent       text,
  changed_fields   text[],
  old_values       jsonb,
  new_values       jsonb,
  details          jsonb,
  values_salt      bytea,
  values_digest    bytea,
  origin_salt      bytea,
  origin_digest    bytea,
  constraint audit_logs_pkey primary key (occurred_at, id)
) partition by range (occurred_at);

alter sequence audit.audit_logs_id_seq owned by audit.audit_logs.id;

create index audit_logs_user on audit.audit_logs (user_id, occurred_at desc, id desc) where user_id is not null;
create index audit_logs_actor on audit.audit_logs (actor_user_id, occurred_at desc, id desc) where actor_user_id is not null;
create index audit_logs_action on audit.audit_logs (action, occurred_at desc, id desc);
create index audit_logs_request on audit.audit_logs (request_id) where request_id is not null;
create index audit_logs_transaction on audit.audit_logs (transaction_id, id);
comment on index audit.audit_logs_pkey is 'Pages of the whole log, newest first: order by occurred_at desc, id desc.';
comment on index audit.audit_logs_user is 'One person''s events: where user_id = … order by occurred_at desc.';
comment on index audit.audit_logs_actor is 'What one person did: where actor_user_id = … order by occurred_at desc.';
comment on index audit.audit_logs_action is 'Events of one kind: where action = … order by occurred_at desc.';
comment on index audit.audit_logs_request is 'All that one request did: where request_id = ….';
comment on index audit.audit_logs_transaction is 'Rows in the order in which they are sealed: where (transaction_id, id) >= ….';

alter table audit.audit_logs enable row level security;
alter table audit.audit_logs force row level security;
-- What a row has to say, as its one writer may add it. As check constraints these would be read from their text again for
-- each row, which is a quarter of what a row costs.
create policy audit_logs_append on audit.audit_logs for insert to roster_audit_owner with check (
  action ~ '^[a-z_]+\.[a-z_]+$'
  and case
    when action like '%.inserted' then old_values is null and new_values is not null
    when action like '%.updated'  then changed_fields is not null
    when action like '%.deleted'  then new_values is null and old_values is not null
    else old_values is null and new_values is null
  end);
create policy audit_logs_owner_read on audit.audit_logs for select to roster_audit_owner using (true);
create policy audit_logs_erase on audit.audit_logs for update to roster_audit_owner using (true) with check (true);
create policy audit_logs_read on audit.audit_logs for select to roster_auditor using (true);
create policy audit_logs_read_permitted on audit.audit_logs for select to roster_user
  using ((select private.has_permission('audit:read')));
grant select on audit.audit_logs to roster_auditor, roster_user;

comment on table audit.audit_logs is 'Every change and every security event, one row each, written in the same transaction. Append-only.';
comment on column audit.audit_logs.id is 'Order of writing; gaps are transactions that were rolled back.';
comment on column audit.audit_logs.occurred_at is 'When it happened (the clock of private.now()).';
comment on column audit.audit_logs.transaction_id is 'The transaction that wrote the row and the change.';
comment on column audit.audit_logs.action is 'What happened: <table>.inserted, .updated or .deleted for a change; an event such as login.failed otherwise.';
comment on column audit.audit_logs.entity is 'Table of the changed row; null for an event without one.';
comment on column audit.audit_logs.entity_id is 'Key of the changed row.';
comment on column audit.audit_logs.user_id is 'Whom it is about. No foreign key: the log outlives what it describes.';
comment on column audit.audit_logs.actor_user_id is 'Who did it; null for a request without a session and for an operator.';
comment on column audit.audit_logs.actor_session_id is 'Session in which it was done (its public id).';
comment on column audit.audit_logs.actor_api_key_id is 'API key with which it was done (its public id).';
comment on column audit.audit_logs.database_role is 'Database login that did it.';
comment on column audit.audit_logs.application_name is 'application_name of that connection.';
comment on column audit.audit_logs.request_id is 'X-Request-Id of the HTTP request; null in psql.';
comment on column audit.audit_logs.route is 'Function that the request called.';
comment on column audit.audit_logs.client_address is 'Address of the client.';
comment on column audit.audit_logs.user_agent is 'User-Agent of the client, at most 300 characters.';
comment on column audit.audit_logs.changed_fields is 'Names of the columns that changed, also those whose values are secret.';
comment on column audit.audit_logs.old_values is 'The changed columns before, without secrets.';
comment on column audit.audit_logs.new_values is 'The changed columns after, without secrets.';
comment on column audit.audit_logs.values_salt is 'Random, so that erased values cannot be guessed from their digest; erased with them.';
comment on column audit.audit_logs.values_digest is 'SHA-256 of the salt and both values: what a seal covers, so that it still holds when the values are erased.';
comment on column audit.audit_logs.origin_salt is 'The same for address and user agent.';
comment on column audit.audit_logs.origin_digest is 'SHA-256 of the salt, the address and the user agent.';
comment on column audit.audit_logs.details is 'What else an event has to say, for example the reason of a refusal.';

\ir ../functions/audit/values_digest.sql
\ir ../functions/audit/origin_digest.sql
\ir ../functions/audit/tg__refuse_change.sql
\ir ../functions/audit/tg__erase_only.sql
\ir ../functions/audit/create_partitions.sql
\ir ../functions/audit/append.sql
\ir ../functions/audit/record_event.sql
\ir ../functions/audit/tg__record_change.sql

create trigger _000_refuse_change before delete on audit.audit_logs
  for each row execute function audit.tg__refuse_change();
create trigger _000_erase_only before update on audit.audit_logs
  for each row execute function audit.tg__erase_only();
create trigger _001_refuse_truncate before truncate on audit.audit_logs
  for each statement execute function audit.tg__refuse_change();

select audit.create_partitions(6);

set local role roster_owner;
