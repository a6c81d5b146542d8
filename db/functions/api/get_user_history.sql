-- Auditors ask how things were. The answer shows a person, so that the look is recorded as one at them.
create or replace function api.get_user_history(id uuid, at timestamptz default null) returns api.user_history
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.get_user_history(uuid,timestamptz)');
  return private.user_as_of(get_user_history.id, coalesce(get_user_history.at, private.now()));
end
$$;
comment on function api.get_user_history(uuid, timestamptz) is $$
@http GET /v1/users/{id}/history
@permission audit:read
@audit user_history.read id at
@errors not_found

Return an account as it was at a time, rebuilt from the audit log.

Without `at`, as it is now. A time before the account was made is a 404. Of an erased person only the key and the times
of creation and erasure are left, whatever the time asked for. The look leaves a row in the log, about the account.
$$;
revoke all on function api.get_user_history(uuid, timestamptz) from public;
grant execute on function api.get_user_history(uuid, timestamptz) to roster_user;
