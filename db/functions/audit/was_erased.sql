-- An erasure is a row of the log itself, so that emptying rows by hand shows.
create or replace function audit.was_erased(user_id uuid) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from audit.audit_logs l where l.user_id = was_erased.user_id and l.action = 'erasures.inserted');
end
$$;
comment on function audit.was_erased(uuid) is 'Whether the log tells of the erasure of a user.';
revoke all on function audit.was_erased(uuid) from public;
