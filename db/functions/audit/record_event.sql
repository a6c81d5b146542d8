-- Security events change no row of their own, so the function that notices one says so.
create or replace function audit.record_event(action text, user_id uuid default null, details jsonb default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry audit.audit_logs;
begin
  if not exists (select from audit.events() e where e.action = record_event.action) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('There is no event %L.', record_event.action),
      hint = 'Add it to audit.events(), with what it means.';
  end if;
  v_entry.action := record_event.action;
  v_entry.user_id := record_event.user_id;
  v_entry.details := record_event.details;
  perform audit.append(v_entry);
end
$$;
comment on function audit.record_event(text, uuid, jsonb) is 'Appends an event of audit.events(), such as login.failed, about a user, with details that hold no secret and no personal value.';
revoke all on function audit.record_event(text, uuid, jsonb) from public;
grant execute on function audit.record_event(text, uuid, jsonb) to roster_owner;
