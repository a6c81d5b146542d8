-- Each combination of filters is planned for itself, so that each uses the index that serves it; the pieces are fixed.
-- With the caller's rights: row-level security decides who sees the log.
create or replace function audit.find_events(
  user_id uuid, actor_user_id uuid, action text, request_id text, since timestamptz, until timestamptz,
  before timestamptz, before_id bigint, max_rows integer)
returns setof audit.audit_logs
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query execute
    'select l.* from audit.audit_logs l where true'
    || audit.event_filter(
         find_events.user_id is not null, find_events.actor_user_id is not null, find_events.action is not null,
         find_events.request_id is not null, since is not null, until is not null)
    || case when before is not null then ' and (l.occurred_at, l.id) < ($7, $8)' else '' end
    || ' order by l.occurred_at desc, l.id desc limit $9'
  using find_events.user_id, find_events.actor_user_id, find_events.action, find_events.request_id,
        since, until, before, before_id, max_rows;
end
$$;
comment on function audit.find_events(uuid, uuid, text, text, timestamptz, timestamptz, timestamptz, bigint, integer) is 'The newest rows of the log that fit (null: any), before a position (null: from the start), at most so many, as far as the caller may see them.';
revoke all on function audit.find_events(uuid, uuid, text, text, timestamptz, timestamptz, timestamptz, bigint, integer) from public;
grant execute on function audit.find_events(uuid, uuid, text, text, timestamptz, timestamptz, timestamptz, bigint, integer) to roster_user, roster_dba;
