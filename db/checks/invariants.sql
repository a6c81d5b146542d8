-- What is true at every moment, whatever has been killed, cut off or filled up. One query over one snapshot: each row
-- of the answer is something broken, no row is good news. It changes nothing, so it may run beside the service:
--
--   psql -d user_management -f db/checks/invariants.sql        (as a superuser: it has to see every row)
--
-- It reads the whole log, which takes minutes where that is large.

-- Tables are found by their audit triggers, so one that is added later is compared with the log as well.
create or replace function pg_temp.audited_rows() returns table (entity text, entity_id text, content jsonb)
language plpgsql
stable
as $$
declare
  v_table record;
begin
  for v_table in select t.* from pg_temp.audited_tables() t loop
    return query execute format(
      'select %L::text, (select string_agg(to_jsonb(r) ->> k, '','') from unnest(%L::text[]) k), to_jsonb(r) from %s r',
      v_table.entity, v_table.keys, v_table.relation);
  end loop;
end
$$;

-- The trigger's arguments, as audit.tg__record_change() reads them. Columns whose change alone is no event are left out.
create or replace function pg_temp.audited_tables() returns table (relation regclass, entity text, is_personal boolean, keys text[], untold text[])
language sql
stable
begin atomic
  select t.tgrelid::regclass, c.relname::text, a.arguments[1] <> '',
         string_to_array(a.arguments[2], ','), string_to_array(a.arguments[3] || ',' || a.arguments[4], ',')
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  cross join lateral (select string_to_array(encode(t.tgargs, 'escape'), '\000')) a (arguments)
  where t.tgfoid = 'audit.tg__record_change()'::regprocedure;
end;

-- Times are compared as times: the log keeps them as the connection wrote them that made the change.
create or replace function pg_temp.comparable(field text, value jsonb) returns jsonb
language sql
stable
begin atomic
  select case when field ~ '(_at|_until)$' and value #>> '{}' ~ '^[0-9]{4}-' then to_jsonb((value #>> '{}')::timestamptz)
              else coalesce(value, 'null') end;
end;

with
logged as materialized (
  select l.entity, l.entity_id, l.id, l.action, l.user_id, l.old_values, l.new_values
  from audit.audit_logs l
  where l.entity is not null
    -- What was erased cannot be read back.
    and not exists (select from app.erasures e where e.user_id = l.user_id)
),
steps as materialized (
  select l.entity, l.entity_id, l.id, f.field,
         pg_temp.comparable(f.field, l.old_values -> f.field) as before,
         pg_temp.comparable(f.field, l.new_values -> f.field) as after
  from logged l
  join pg_temp.audited_tables() t on t.entity = l.entity
  cross join lateral jsonb_object_keys(coalesce(l.old_values, '{}') || coalesce(l.new_values, '{}')) f (field)
  where f.field <> all (t.untold)
),
chains as (
  select s.*,
         lag(s.after) over chain as previous,
         lag(s.id) over chain is null as is_first,
         lead(s.id) over chain is null as is_last
  from steps s
  window chain as (partition by s.entity, s.entity_id, s.field order by s.id)
),
lives as (
  select l.entity, l.entity_id,
         (array_agg(l.action order by l.id))[1] as first_action,
         (array_agg(l.action order by l.id desc))[1] as last_action,
         count(*) filter (where l.action = l.entity || '.inserted') - count(*) filter (where l.action = l.entity || '.deleted') as rows
  from logged l
  group by l.entity, l.entity_id
),
present as materialized (
  select r.entity, r.entity_id, r.content, t.is_personal, t.untold
  from pg_temp.audited_rows() r
  join pg_temp.audited_tables() t on t.entity = r.entity
),
verified as (
  select l.user_id, min(l.id) as since
  from audit.audit_logs l where l.entity = 'users' and l.new_values ->> 'is_email_verified' = 'true' group by l.user_id
),
causes as (
  select c.user_id, c.template, count(*) as number
  from (select l.id, l.user_id, l.occurred_at,
               case l.action
                 when 'email_verification_tokens.inserted' then 'verify_email'
                 when 'password_reset_tokens.inserted' then
                   case l.new_values ->> 'purpose' when 'invitation' then 'invitation' else 'reset_password' end
                 when 'phone_verification_codes.inserted' then 'verify_phone'
                 when 'email.change_requested' then 'email_change_requested'
                 when 'email.changed' then 'email_changed'
                 when 'password.reset' then 'password_changed'
                 when 'password.changed' then 'password_changed'
                 when 'mfa.confirmed' then 'mfa_enabled'
                 when 'mfa.disabled' then 'mfa_disabled'
                 when 'recovery_code.used' then 'recovery_code_used'
                 when 'api_keys.inserted' then 'api_key_created'
               end as template
        from audit.audit_logs l) c
  where c.template is not null
    and c.occurred_at > private.now() - interval '29 days'   -- done messages are kept for thirty (BR-307)
    and not exists (select from app.erasures e where e.user_id = c.user_id)
    -- News of an account goes to a verified address only (BR-119).
    and (c.template not in ('email_change_requested', 'email_changed', 'password_changed', 'mfa_enabled', 'mfa_disabled', 'recovery_code_used', 'api_key_created')
         or exists (select from verified v where v.user_id = c.user_id and v.since < c.id))
  group by c.user_id, c.template
),
messages as (
  select o.user_id, o.template, count(*) as number
  from app.outbox o
  where o.created_at > private.now() - interval '29 days'
    -- Whoever registers an address that is taken leaves no other trace, and shall not.
    and o.template not in ('email_already_used', 'username_already_used')
  group by o.user_id, o.template
)

-- Sessions and their tokens
select 'a session has at most one live refresh token' as invariant, t.session_id::text as subject, count(*) || ' tokens' as finding
from app.refresh_tokens t where t.used_at is null and t.revoked_at is null
group by t.session_id having count(*) > 1
union all
select 'a refresh token has at most one predecessor', t.replaced_by::text, count(*) || ' predecessors'
from app.refresh_tokens t where t.replaced_by is not null
group by t.replaced_by having count(*) > 1
union all
select 'the refresh tokens of a session are one chain', t.session_id::text, count(*) || ' tokens without a predecessor'
from app.refresh_tokens t
where not exists (select from app.refresh_tokens p where p.replaced_by = t.id and p.session_id = t.session_id)
group by t.session_id having count(*) > 1
union all
select 'a used refresh token has its successor', t.id::text, 'none'
from app.refresh_tokens t
where t.used_at is not null and not exists (select from app.refresh_tokens n where n.id = t.replaced_by)
union all
select 'an ended session has no live refresh token', s.id::text, t.id::text
from app.sessions s
join app.refresh_tokens t on t.session_id = s.id and t.used_at is null and t.revoked_at is null
where s.revoked_at is not null
union all
select 'an open session of a person has a live refresh token', s.id::text, 'none'
from app.sessions s
where s.revoked_at is null and s.database_role is null
  and not exists (select from app.refresh_tokens t where t.session_id = s.id and t.used_at is null and t.revoked_at is null)
union all
select 'a refresh token belongs to the user of its session and ends with it', t.id::text, t.session_id::text
from app.refresh_tokens t
join app.sessions s on s.id = t.session_id
where t.user_id <> s.user_id or t.expires_at > s.expires_at
union all
select 'a refresh token is used before its end, and once it is used it is not revoked', t.id::text, t.session_id::text
from app.refresh_tokens t
where t.used_at > t.expires_at or (t.used_at is not null and t.revoked_at is not null)
union all
select 'a salt that leads to a successor is gone ten minutes after its window', t.id::text, t.used_at::text
from app.refresh_tokens t, app.settings c
where t.successor_salt is not null and t.used_at < private.now() - c.refresh_retry_grace - interval '10 minutes'
union all
select 'a suspended or deleted user has no open session', u.id::text, s.id::text
from app.users u
join app.sessions s on s.user_id = u.id and s.revoked_at is null
where u.status in ('suspended', 'deleted')
union all
select 'a sign-in opens one session', coalesce(s.user_id, e.user_id)::text, format('%s sign-ins, %s sessions', coalesce(e.number, 0), coalesce(s.number, 0))
from (select l.user_id, count(*) as number from logged l
      where l.action = 'sessions.inserted' and l.new_values ->> 'database_role' is null group by l.user_id) s
full join (select l.user_id, count(*) as number from audit.audit_logs l
           where l.action = 'login.succeeded' and not exists (select from app.erasures e where e.user_id = l.user_id)
           group by l.user_id) e on e.user_id = s.user_id
where s.number is distinct from e.number

-- Mailed tokens and codes
union all
select 'a user has at most one live mailed token of a kind', t.user_id::text, t.kind || ': ' || count(*)
from (select r.user_id, 'password_reset_tokens' as kind from app.password_reset_tokens r where r.used_at is null and r.revoked_at is null
      union all
      select v.user_id, 'email_verification_tokens' from app.email_verification_tokens v where v.used_at is null and v.revoked_at is null
      union all
      select c.user_id, 'phone_verification_codes' from app.phone_verification_codes c where c.used_at is null and c.revoked_at is null) t
group by t.user_id, t.kind having count(*) > 1
union all
select 'a suspended or deleted user has no live mailed token', u.id::text, t.kind
from app.users u
join (select r.user_id, 'password_reset_tokens' as kind from app.password_reset_tokens r where r.used_at is null and r.revoked_at is null
      union all
      select v.user_id, 'email_verification_tokens' from app.email_verification_tokens v where v.used_at is null and v.revoked_at is null
      union all
      select c.user_id, 'phone_verification_codes' from app.phone_verification_codes c where c.used_at is null and c.revoked_at is null) t
  on t.user_id = u.id
where u.status in ('suspended', 'deleted')
union all
select 'a mailed token or code is used before its end, and once it is used it is not revoked', t.id::text, t.kind
from (select r.id, 'password_reset_tokens' as kind, r.used_at, r.revoked_at, r.expires_at from app.password_reset_tokens r
      union all
      select v.id, 'email_verification_tokens', v.used_at, v.revoked_at, v.expires_at from app.email_verification_tokens v
      union all
      select c.id, 'phone_verification_codes', c.used_at, c.revoked_at, c.expires_at from app.phone_verification_codes c) t
where t.used_at > t.expires_at or (t.used_at is not null and t.revoked_at is not null)

-- Accounts
union all
select 'an address belongs to at most one living account', u.email_key, string_agg(u.id::text, ', ')
from app.users u where u.deleted_at is null
group by u.email_key having count(*) > 1
union all
select 'a username belongs to at most one living account', u.username_key, string_agg(u.id::text, ', ')
from app.users u where u.deleted_at is null
group by u.username_key having count(*) > 1
union all
select 'an account that is not erased has a profile, an erased one has nothing', u.id::text, u.status
from app.users u
where exists (select from app.user_profiles p where p.user_id = u.id) = exists (select from app.erasures e where e.user_id = u.id)
union all
select 'a deleted account has the time of its deletion, a living one has none', u.id::text, u.status
from app.users u where (u.status = 'deleted') <> (u.deleted_at is not null)
union all
select 'where somebody is an administrator, one of them can sign in', 'admin', count(*) || ' who cannot'
from app.user_roles ur
join app.roles r on r.id = ur.role_id and r.name = 'admin'
join app.users u on u.id = ur.user_id and u.password_hash is not null
where ur.expires_at is null and not exists (select from private.admins)
having count(*) > 0

-- The log
union all
select 'an id of the log is given once', l.id::text, count(*) || ' rows'
from audit.audit_logs l group by l.id having count(*) > 1
union all
select 'a change in the log begins where the one before it ended', c.entity || ' ' || c.entity_id, format('%s in row %s of the log', c.field, c.id)
from chains c where not c.is_first and c.before <> c.previous
union all
select 'a row is what the log says last', p.entity || ' ' || p.entity_id, format('%s since row %s of the log', c.field, c.id)
from chains c
join present p on p.entity = c.entity and p.entity_id = c.entity_id
where c.is_last and c.after <> pg_temp.comparable(c.field, p.content -> c.field)
union all
select 'a row that is there was inserted once more often than deleted', p.entity || ' ' || p.entity_id, coalesce(v.rows, 0) || ' in the log'
from present p
left join lives v on v.entity = p.entity and v.entity_id = p.entity_id
-- What the migrations and `pgroster seed --users` brought is in no row of the log (docs/decisions.md).
where p.is_personal and v.rows is distinct from 1 and (v.rows is not null or not exists (select from audit.audit_logs l where l.action = 'users.seeded'))
  and not exists (select from app.erasures e where e.user_id = coalesce(p.content ->> 'user_id', p.content ->> 'id')::uuid)
union all
select 'a row that is not there was deleted as often as inserted', v.entity || ' ' || v.entity_id, v.last_action
from lives v
where v.first_action = v.entity || '.inserted'
  and v.rows <> 0 and not exists (select from present p where p.entity = v.entity and p.entity_id = v.entity_id)
union all
select 'the log has room for this month and the next', m.partition, 'missing'
from (select 'audit_logs_' || to_char((private.now() at time zone 'UTC') + make_interval(months => n), 'YYYY_MM') from generate_series(0, 1) n) m (partition)
where to_regclass('audit.' || m.partition) is null
union all
select 'the log is what its seals say', concat_ws(' ', 'seal', v.seal, 'row', v.row_id), v.problem
from admin.verify_audit() v where not v.is_intact

-- Messages
union all
select 'a message has its cause, and a cause its message', coalesce(m.user_id, c.user_id)::text,
       format('%s: %s causes, %s messages', coalesce(m.template, c.template), coalesce(c.number, 0), coalesce(m.number, 0))
from messages m
full join causes c on c.user_id = m.user_id and c.template = m.template
where m.number is distinct from c.number
union all
select 'a message that is done says nothing any more, another waits for its turn', o.id::text, o.template
from app.outbox o
where (o.sent_at is null and o.failed_at is null) <> (o.next_attempt_at is not null)
   or (o.next_attempt_at is null) <> (o.payload is null and o.recipient is null)

-- Limits
union all
select 'a counter stays within its quota', r.policy || ' ' || r.subject, format('%s of %s', r.hits, p.quota)
from app.rate_limits r
join app.rate_limit_policies p on p.name = r.policy
where r.hits > p.quota
  -- A quota that was lowered counts from its next window on.
  and r.window_started_at > coalesce(
    (select max(l.occurred_at) from audit.audit_logs l
     where l.entity = 'rate_limit_policies' and l.entity_id = r.policy), '-infinity')
order by 1, 2, 3;
