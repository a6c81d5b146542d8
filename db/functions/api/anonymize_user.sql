-- Art. 17, for good: there is no way back from here.
create or replace function api.anonymize_user(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.anonymize_user(uuid)');
  perform private.check_outranks(anonymize_user.id);
  perform private.erase_account(anonymize_user.id, 'request');
end
$$;
comment on function api.anonymize_user(uuid) is $$
@http POST /v1/users/{id}/anonymize
@status 202
@permission users:write
@errors not_found status_conflict last_admin above_own_permissions

Erase a person's data for good.

What remains is the key of the account and the record that it was erased.
$$;
revoke all on function api.anonymize_user(uuid) from public;
grant execute on function api.anonymize_user(uuid) to roster_user;
