-- What a client asks first after signing in.
create or replace function api.get_me() returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user api.user := private.load_user(private.require_caller());
begin
  perform private.set_header('ETag', format('"%s"', v_user.version));
  return v_user;
end
$$;
comment on function api.get_me() is $$
@http GET /v1/me
@api_keys allowed

Return the signed-in user.
$$;
revoke all on function api.get_me() from public;
grant execute on function api.get_me() to roster_user;
