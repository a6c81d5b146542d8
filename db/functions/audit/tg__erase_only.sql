-- The one change that the log allows: personal parts become null, together with their salt. Their digests stay, so
-- that a seal over them still holds.
create or replace function audit.tg__erase_only() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected audit.audit_logs := old;
begin
  if new.values_salt is null then
    v_expected.old_values := null;
    v_expected.new_values := null;
    v_expected.values_salt := null;
  end if;
  if new.origin_salt is null then
    v_expected.client_address := null;
    v_expected.user_agent := null;
    v_expected.origin_salt := null;
  end if;
  if new is distinct from v_expected then
    raise exception using
      errcode = 'UM403',
      message = 'The audit log is append-only.',
      detail = 'audit_append_only',
      hint = 'Only personal parts can be erased, by anonymising the person.';
  end if;
  return new;
end
$$;
comment on function audit.tg__erase_only() is 'Refuses every UPDATE of the log but the erasure of personal parts.';
revoke all on function audit.tg__erase_only() from public;
