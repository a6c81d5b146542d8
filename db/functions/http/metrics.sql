-- What whoever is on call wants to be woken for, and nothing about a person.
create or replace function http.metrics() returns table (name text, help text, labels jsonb, value double precision)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select 'outbox_waiting', 'Messages that wait to be delivered.', null::jsonb, count(*)::double precision
    from app.outbox o where o.next_attempt_at is not null
    union all
    select 'outbox_oldest_seconds', 'Age of the oldest message that waits.', null,
           coalesce(extract(epoch from private.now() - min(o.created_at)), 0)::double precision
    from app.outbox o where o.next_attempt_at is not null
    union all
    select 'outbox_given_up', 'Messages that were given up and are still on record.', null, count(*)::double precision
    from app.outbox o where o.failed_at is not null
    union all
    select 'job_failed', 'Whether the last run of a job failed.', jsonb_build_object('job', j.name), (j.last_error is not null)::integer::double precision
    from app.jobs j where j.is_enabled
    union all
    select 'job_late_seconds', 'How long a job has been due without having run.', jsonb_build_object('job', j.name),
           greatest(0, extract(epoch from private.now() - j.next_run_at))::double precision
    from app.jobs j where j.is_enabled
    union all
    select 'audit_seal_lag_seconds', 'Age of the first row of the audit log that waits for its seal.', null,
           extract(epoch from audit.seal_lag())::double precision
    union all
    select 'audit_months_ahead', 'Months after this one for which the audit log has room.', null, count(*)::double precision
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit.audit_logs'::regclass
      and c.relname > 'audit_logs_' || to_char(private.now() at time zone 'UTC', 'YYYY_MM')
    union all
    select 'replication_lag_seconds', 'How far a standby is behind its primary; zero on a primary.', null,
           case when pg_is_in_recovery() then coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
                else 0 end::double precision;
end
$$;
comment on function http.metrics() is 'Figures about the database for whoever watches the service: name, meaning, labels, value. The service adds the prefix pgroster_.';
revoke all on function http.metrics() from public;
grant execute on function http.metrics() to roster_authenticator, roster_dba;
