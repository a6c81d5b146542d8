-- Somebody else's key answers like one that does not exist.
create or replace function private.revoke_api_key(user_id uuid, id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.api_keys k set revoked_at = private.now()
  where k.id = revoke_api_key.id and k.user_id = revoke_api_key.user_id and k.revoked_at is null;
  if not found then
    perform private.fail('not_found');
  end if;
end
$$;
comment on function private.revoke_api_key(uuid, uuid) is 'Revokes one key of a user for good; raises not_found.';
revoke all on function private.revoke_api_key(uuid, uuid) from public;
