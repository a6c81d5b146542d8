-- Backwards from what is there now: each change since then is undone, the last one first, so that the oldest value wins.
-- Forwards from nothing would end where retention begins. A row whose first change since was its insertion was not there.
create or replace function audit.rows_as_of(entity text, user_id uuid, present jsonb, at timestamptz)
returns table (entity_id text, content jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    with changes as (
      select l.id, l.entity_id, l.action, l.old_values
      from audit.audit_logs l
      where l.occurred_at > rows_as_of.at
        and l.action = any (array[rows_as_of.entity || '.inserted', rows_as_of.entity || '.updated', rows_as_of.entity || '.deleted'])
        and (l.user_id = rows_as_of.user_id or rows_as_of.user_id is null and l.user_id is null)
    ), undone as (
      select c.entity_id,
             (array_agg(c.action order by c.id))[1] = rows_as_of.entity || '.inserted' as is_new,
             jsonb_object_agg(v.key, v.value order by c.id desc) filter (where v.key is not null) as old_values
      from changes c left join lateral jsonb_each(c.old_values) v on true
      group by c.entity_id
    )
    select coalesce(p.key, u.entity_id), coalesce(p.value, '{}') || coalesce(u.old_values, '{}')
    from jsonb_each(rows_as_of.present) p
    full join undone u on u.entity_id = p.key
    where u.is_new is not true;
end
$$;
comment on function audit.rows_as_of(text, uuid, jsonb, timestamptz) is 'The rows of a table about a user (null: about nobody) as they were at a time. present: the rows of now by their key, without secrets.';
revoke all on function audit.rows_as_of(text, uuid, jsonb, timestamptz) from public;
grant execute on function audit.rows_as_of(text, uuid, jsonb, timestamptz) to roster_owner;
