-- A key is for a part of what its owner may do. Looked up from the key itself, so that no setting widens it.
create or replace function private.in_scope(permission text) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return not private.is_api_key() or exists (
    select
    from private.live_api_keys k
    where k.secret_hash = private.digest(current_setting('request.api_key', true))
      and in_scope.permission = any (k.scopes));
end
$$;
comment on function private.in_scope(text) is 'Whether what this request came with may use a permission that its user holds: a session all of them, an API key those of its scopes.';
revoke all on function private.in_scope(text) from public;
