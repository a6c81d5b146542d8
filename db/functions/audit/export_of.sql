-- Other people's data is not the person's: rows of other actors come without their origin, rows about others, which an
-- administrator has, without what was changed.
create or replace function audit.export_of(user_id uuid) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(
      jsonb_build_object(
        'id', l.id, 'occurred_at', l.occurred_at, 'action', l.action, 'entity', l.entity, 'entity_id', l.entity_id,
        'route', l.route, 'changed_fields', l.changed_fields)
      || case when coalesce(l.user_id, export_of.user_id) = export_of.user_id then
        jsonb_build_object('old_values', l.old_values, 'new_values', l.new_values, 'details', l.details)
        else '{}' end
      || case when l.actor_user_id = export_of.user_id then
        jsonb_build_object('session_id', l.actor_session_id, 'client_address', l.client_address, 'user_agent', l.user_agent)
        else '{}' end
      order by l.occurred_at desc, l.id desc), '[]')
    from audit.audit_logs l
    where l.user_id = export_of.user_id or l.actor_user_id = export_of.user_id);
end
$$;
comment on function audit.export_of(uuid) is 'The audit rows about or by a user as a JSON array, for the person.';
revoke all on function audit.export_of(uuid) from public;
grant execute on function audit.export_of(uuid) to roster_owner;
