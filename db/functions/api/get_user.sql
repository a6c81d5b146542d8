-- Row-level security decides: one's own account, or any with users:read; any other id answers as a missing one.
create or replace function api.get_user(id uuid) returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.user_reply(get_user.id);
end
$$;
comment on function api.get_user(uuid) is $$
@http GET /v1/users/{id}
@errors not_found
@api_keys allowed

Return one account: one's own, or any with the permission `users:read`.
$$;
revoke all on function api.get_user(uuid) from public;
grant execute on function api.get_user(uuid) to roster_user;
