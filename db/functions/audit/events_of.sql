-- The owner of the tables cannot read the log; this hands out the rows about one person, for that person.
create or replace function audit.events_of(user_id uuid, before timestamptz, before_id bigint, max_rows integer)
returns setof audit.audit_logs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select l.*
    from audit.audit_logs l
    where l.user_id = events_of.user_id
      and (events_of.before is null or (l.occurred_at, l.id) < (events_of.before, before_id))
    order by l.occurred_at desc, l.id desc
    limit max_rows;
end
$$;
comment on function audit.events_of(uuid, timestamptz, bigint, integer) is 'The newest rows about a user before a position (null: from the start), at most so many.';
revoke all on function audit.events_of(uuid, timestamptz, bigint, integer) from public;
grant execute on function audit.events_of(uuid, timestamptz, bigint, integer) to roster_owner;
