-- When an account is deleted, or falls to whoever reads its mailbox, nothing that others hold may go on.
create or replace function private.revoke_api_keys(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.api_keys k set revoked_at = private.now()
  where k.user_id = revoke_api_keys.user_id and k.revoked_at is null;
end
$$;
comment on function private.revoke_api_keys(uuid) is 'Revokes all keys of a user for good.';
revoke all on function private.revoke_api_keys(uuid) from public;
