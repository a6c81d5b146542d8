-- Views for tools that only read: stable columns, no secret, no way to the tables behind them.
-- They run with their owner's rights, since the reading role has none on the tables. The two plain ones show every row of
-- the table behind them, so there is none that a barrier could hide; with one, no order and hardly a filter would reach
-- an index.

-- private.now() may not stand here: what is volatile is worked out for a million accounts also where nobody asks for it.
create view reporting.v_users_complete as
  select u.id, u.email, u.username, u.status, u.is_email_verified, u.is_phone_verified,
         u.failed_login_attempts, u.locked_until, u.last_login_at, u.gdpr_consent_at, u.data_retention_until,
         u.created_at, u.updated_at, u.deleted_at,
         p.first_name, p.last_name, p.phone, p.locale, p.avatar_url, p.metadata,
         array(select r.name::text
               from app.user_roles ur join app.roles r on r.id = ur.role_id
               where ur.user_id = u.id and (ur.expires_at is null or ur.expires_at > statement_timestamp() + (select c.shift from private.clock c))
               order by r.name) as roles
  from app.users u
  left join app.user_profiles p on p.user_id = u.id;
comment on view reporting.v_users_complete is 'Every account with its profile and its roles, deleted ones included.';
comment on column reporting.v_users_complete.id is 'Key of the account.';
comment on column reporting.v_users_complete.email is 'Address as the person wrote it.';
comment on column reporting.v_users_complete.username is 'Name as the person wrote it.';
comment on column reporting.v_users_complete.status is 'active, inactive, suspended or deleted.';
comment on column reporting.v_users_complete.is_email_verified is 'Whether the address is verified.';
comment on column reporting.v_users_complete.is_phone_verified is 'Whether the telephone number is verified.';
comment on column reporting.v_users_complete.failed_login_attempts is 'Failed logins from wherever since the last good one.';
comment on column reporting.v_users_complete.locked_until is 'Until when logins are refused from where nobody has signed in to this account yet.';
comment on column reporting.v_users_complete.last_login_at is 'Time of the last good login.';
comment on column reporting.v_users_complete.gdpr_consent_at is 'When the person agreed to the processing of their data.';
comment on column reporting.v_users_complete.data_retention_until is 'When the account is to be anonymised.';
comment on column reporting.v_users_complete.created_at is 'When the account was made.';
comment on column reporting.v_users_complete.updated_at is 'When the account last changed.';
comment on column reporting.v_users_complete.deleted_at is 'When the account was soft-deleted.';
comment on column reporting.v_users_complete.first_name is 'Given name.';
comment on column reporting.v_users_complete.last_name is 'Family name.';
comment on column reporting.v_users_complete.phone is 'Telephone number.';
comment on column reporting.v_users_complete.locale is 'Preferred language.';
comment on column reporting.v_users_complete.avatar_url is 'Address of a picture.';
comment on column reporting.v_users_complete.metadata is 'The application''s own data.';
comment on column reporting.v_users_complete.roles is 'Names of the roles in force.';

-- The time is asked for once, not once a row: at a million accounts that is ten seconds.
create materialized view reporting.v_active_users_summary as
  select private.now() as as_of,
         count(*) filter (where u.deleted_at is null) as users,
         count(*) filter (where u.status = 'active') as active,
         count(*) filter (where u.status = 'inactive') as inactive,
         count(*) filter (where u.status = 'suspended') as suspended,
         count(*) filter (where u.status = 'deleted') as deleted,
         count(*) filter (where u.locked_until > (select private.now())) as locked,
         count(*) filter (where u.is_email_verified and u.deleted_at is null) as verified,
         count(*) filter (where u.created_at > (select private.now()) - interval '30 days') as registered_last_30_days,
         count(*) filter (where u.last_login_at > (select private.now()) - interval '30 days') as signed_in_last_30_days
  from app.users u;
create unique index v_active_users_summary_as_of on reporting.v_active_users_summary (as_of);
comment on index reporting.v_active_users_summary_as_of is 'Lets the view be refreshed concurrently.';
comment on materialized view reporting.v_active_users_summary is 'How many accounts there are, by state. Refreshed by a job, see as_of.';
comment on column reporting.v_active_users_summary.as_of is 'When it was counted.';
comment on column reporting.v_active_users_summary.users is 'Accounts that are not deleted.';
comment on column reporting.v_active_users_summary.active is 'Accounts with a verified address.';
comment on column reporting.v_active_users_summary.inactive is 'Accounts whose address is not verified yet.';
comment on column reporting.v_active_users_summary.suspended is 'Accounts shut out by an administrator.';
comment on column reporting.v_active_users_summary.deleted is 'Soft-deleted and anonymised accounts.';
comment on column reporting.v_active_users_summary.locked is 'Accounts locked for unknown sources after failed logins from many.';
comment on column reporting.v_active_users_summary.verified is 'Living accounts with a verified address.';
comment on column reporting.v_active_users_summary.registered_last_30_days is 'Accounts made in the last 30 days.';
comment on column reporting.v_active_users_summary.signed_in_last_30_days is 'Accounts that signed in within the last 30 days.';

-- The owner of a view that counts events reads no more of the log than what leads to nobody.
set local role roster_audit_owner;
create policy audit_logs_count on audit.audit_logs for select to roster_owner using (true);
grant select (id, occurred_at, action, entity, route, request_id, changed_fields, details) on audit.audit_logs to roster_owner;
set local role roster_owner;

create view reporting.v_audit_events as
  select l.id, l.occurred_at, (l.occurred_at at time zone 'UTC')::date as day, l.action, l.entity, l.route,
         l.request_id is not null as is_request, l.changed_fields,
         coalesce(l.details ->> 'reason', l.details ->> 'code', l.details ->> 'policy') as reason
  from audit.audit_logs l;
comment on view reporting.v_audit_events is 'What the audit log recorded, without whom it is about and who did it: for counting by day, action, route or reason.';
comment on column reporting.v_audit_events.id is 'Order of writing.';
comment on column reporting.v_audit_events.occurred_at is 'When it happened.';
comment on column reporting.v_audit_events.day is 'The day on which it happened, in UTC. To count by; a limit in time is quick on occurred_at.';
comment on column reporting.v_audit_events.action is 'What happened: <table>.inserted, .updated or .deleted, or an event such as login.failed.';
comment on column reporting.v_audit_events.entity is 'Table of the changed row; null for an event.';
comment on column reporting.v_audit_events.route is 'Function that the request called; null in psql.';
comment on column reporting.v_audit_events.is_request is 'Whether it was done over HTTP.';
comment on column reporting.v_audit_events.changed_fields is 'Names of the columns that changed.';
comment on column reporting.v_audit_events.reason is 'Why something was refused: the reason, the problem''s code or the limit''s name.';

insert into app.jobs (name, command, run_every) values
  ('refresh_reporting', 'refresh_reporting', '15 minutes');

grant select on all tables in schema reporting to roster_reporting;

-- The name of the log before it covered more than users.
set local role roster_audit_owner;
create view audit.user_audit_log with (security_invoker, security_barrier) as
  select l.id, l.occurred_at, l.user_id, l.action, l.entity, l.entity_id, l.actor_user_id, l.database_role,
         l.client_address, l.user_agent, l.old_values, l.new_values, l.details
  from audit.audit_logs l
  where l.user_id is not null;
comment on view audit.user_audit_log is 'The rows of the audit log that are about a user; the older name of audit_logs.';
comment on column audit.user_audit_log.id is 'Order of writing.';
comment on column audit.user_audit_log.occurred_at is 'When it happened.';
comment on column audit.user_audit_log.user_id is 'Whom it is about.';
comment on column audit.user_audit_log.action is 'What happened.';
comment on column audit.user_audit_log.entity is 'Table of the changed row.';
comment on column audit.user_audit_log.entity_id is 'Key of the changed row.';
comment on column audit.user_audit_log.actor_user_id is 'Who did it.';
comment on column audit.user_audit_log.database_role is 'Database login that did it.';
comment on column audit.user_audit_log.client_address is 'Address of the client.';
comment on column audit.user_audit_log.user_agent is 'User-Agent of the client.';
comment on column audit.user_audit_log.old_values is 'The changed columns before, without secrets.';
comment on column audit.user_audit_log.new_values is 'The changed columns after, without secrets.';
comment on column audit.user_audit_log.details is 'What else an event has to say.';
grant select on audit.user_audit_log to roster_auditor;
set local role roster_owner;
