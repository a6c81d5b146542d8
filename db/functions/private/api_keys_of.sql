-- One's own list and the administrator's show the same; row-level security or the caller decides whose. The number of
-- keys is limited, so the list has one page.
create or replace function private.api_keys_of(user_id uuid) returns api.api_key_list
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_list api.api_key_list;
begin
  v_list.items := array(
    select (k.id, k.name, k.prefix, k.scopes, k.created_at, k.last_used_at, k.expires_at)::api.api_key
    from app.api_keys k
    where k.user_id = api_keys_of.user_id and k.revoked_at is null
    order by k.created_at, k.id);
  return v_list;
end
$$;
comment on function private.api_keys_of(uuid) is 'The keys of a user that were not revoked, as far as the caller may see them.';
revoke all on function private.api_keys_of(uuid) from public;
grant execute on function private.api_keys_of(uuid) to roster_user, roster_dba;
