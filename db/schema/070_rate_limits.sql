-- How often somebody may ask. The limits are rows that operators change while the service runs.

create table app.rate_limit_policies (
  name        text primary key constraint rate_limit_policies_name_form check (name ~ '^[a-z][a-z0-9_]{1,31}$'),
  quota       integer not null constraint rate_limit_policies_quota_range check (quota between 1 and 10000000),
  period      interval not null constraint rate_limit_policies_period_range check (period between '1 second' and '1 day'),
  description text not null
);
comment on index app.rate_limit_policies_pkey is 'The limit of a route: where name = ….';
comment on table app.rate_limit_policies is 'So many requests from one address in so much time. Every route counts against `default`; some name a stricter one in their @rate_limit tag.';
comment on column app.rate_limit_policies.name is 'Name, as in the RateLimit-Policy header.';
comment on column app.rate_limit_policies.quota is 'Requests that may be made in one period.';
comment on column app.rate_limit_policies.period is 'Length of the sliding window.';
comment on column app.rate_limit_policies.description is 'What it is for.';

insert into app.rate_limit_policies (name, quota, period, description) values
  ('default',      100, '1 minute', 'Every route, per address'),
  ('login',         10, '1 minute', 'Signing in, per address'),
  ('mfa',           10, '1 minute', 'Codes of the second factor, per address'),
  ('register',       5, '1 minute', 'New accounts, per address'),
  ('mail',           3, '1 minute', 'Requests that send a message, per address and per recipient'),
  ('mail_daily',    20, '1 day',    'Messages of a kind that anybody may have sent, per recipient'),
  ('anonymous_keys', 100, '1 hour', 'Requests with an Idempotency-Key of who is not signed in, per address');

-- Counters are worth nothing after a crash, so they are not logged: a request that only counts waits for no disk.
create unlogged table app.rate_limits (
  policy            text not null constraint rate_limits_policy_fkey references app.rate_limit_policies on update cascade on delete cascade,
  subject           text not null,
  window_started_at timestamptz not null,
  hits              integer not null,
  previous_hits     integer not null,
  refused_hits      integer not null default 0,
  is_refused        boolean not null default false,
  primary key (policy, subject)
) with (fillfactor = 50);
create index rate_limits_window_started_at on app.rate_limits (window_started_at);
comment on index app.rate_limits_pkey is 'The counter of a policy for an address: where policy = … and subject = ….';
comment on index app.rate_limits_window_started_at is 'Counters that no longer count, for cleaning up: where window_started_at < ….';
comment on table app.rate_limits is 'Sliding-window counters: this window''s requests, and the share of the last window''s that still counts.';
comment on column app.rate_limits.policy is 'Which limit.';
comment on column app.rate_limits.subject is 'Whom it counts: an IPv4 address, or an IPv6 /64.';
comment on column app.rate_limits.window_started_at is 'Start of the counted window.';
comment on column app.rate_limits.hits is 'Requests let through in this window.';
comment on column app.rate_limits.previous_hits is 'Requests let through in the window before.';
comment on column app.rate_limits.refused_hits is 'Requests refused in this window.';
comment on column app.rate_limits.is_refused is 'Whether the last request was refused.';

alter table app.rate_limit_policies enable row level security;
alter table app.rate_limit_policies force row level security;
alter table app.rate_limits enable row level security;
alter table app.rate_limits force row level security;
create policy rate_limit_policies_owner on app.rate_limit_policies to roster_owner using (true) with check (true);
create policy rate_limit_policies_dba on app.rate_limit_policies to roster_dba using (true) with check (true);
create policy rate_limit_policies_read on app.rate_limit_policies for select to roster_authenticator using (true);
create policy rate_limits_owner on app.rate_limits to roster_owner using (true) with check (true);
create policy rate_limits_dba on app.rate_limits for select to roster_dba using (true);
-- delete is not granted: routes count against these by name.
grant select, insert, update on app.rate_limit_policies to roster_dba;
grant select on app.rate_limit_policies to roster_authenticator;
grant select on app.rate_limits to roster_dba;

create trigger _900_record_change after insert or update or delete on app.rate_limit_policies
  for each row execute function audit.tg__record_change('', 'name', '', '');
create trigger _000_refuse_truncate before truncate on app.rate_limit_policies
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on app.settings
  for each row execute function audit.tg__record_change('', 'is_only', '', 'updated_at');
create trigger _000_refuse_truncate before truncate on app.settings
  for each statement execute function private.tg__refuse_truncate();
create trigger _900_record_change after insert or update or delete on private.secrets
  for each row execute function audit.tg__record_change('', 'is_only', 'cursor_key,digest_key', '');
create trigger _000_refuse_truncate before truncate on private.secrets
  for each statement execute function private.tg__refuse_truncate();
