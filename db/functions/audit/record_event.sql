-- Security events change no row of their own, so the function that notices one says so.
create or replace function audit.record_event(action text, user_id uuid default null, details jsonb default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from audit.events() e where e.action = record_event.action) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('There is no event %L.', record_event.action),
      hint = 'Add it to audit.events(), with what it means.';
  end if;
  if not audit.append(record_event.action, null, null, record_event.user_id, null, null, null, record_event.details) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'The audit log did not take its row, so nothing happens.',
      hint = 'Something swallows rows of audit.audit_logs; pgroster doctor names it.';
  end if;
end
$$;
comment on function audit.record_event(text, uuid, jsonb) is 'Appends an event of audit.events(), such as login.failed, about a user, with details that hold no secret and no personal value.';
revoke all on function audit.record_event(text, uuid, jsonb) from public;
grant execute on function audit.record_event(text, uuid, jsonb) to roster_owner;
