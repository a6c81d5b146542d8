-- What the log says about a person becomes unreadable: the values of rows about them, the origin of what they did.
-- What others did to them keeps the others' origin.
create or replace function audit.erase_person(user_id uuid) returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows bigint;
begin
  update audit.audit_logs l set
    old_values     = case when l.user_id = erase_person.user_id then null else l.old_values end,
    new_values     = case when l.user_id = erase_person.user_id then null else l.new_values end,
    values_salt    = case when l.user_id = erase_person.user_id then null else l.values_salt end,
    client_address = case when coalesce(l.actor_user_id, erase_person.user_id) = erase_person.user_id then null else l.client_address end,
    user_agent     = case when coalesce(l.actor_user_id, erase_person.user_id) = erase_person.user_id then null else l.user_agent end,
    origin_salt    = case when coalesce(l.actor_user_id, erase_person.user_id) = erase_person.user_id then null else l.origin_salt end
  where (l.user_id = erase_person.user_id or l.actor_user_id = erase_person.user_id)
    and (l.values_salt is not null or l.origin_salt is not null);
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
comment on function audit.erase_person(uuid) is 'Erases the personal parts of a user''s audit rows and returns how many rows it touched; their digests stay.';
revoke all on function audit.erase_person(uuid) from public;
grant execute on function audit.erase_person(uuid) to roster_owner;
