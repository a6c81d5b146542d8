-- What a client asks first after signing in.
create or replace function api.get_me() returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.load_user(private.require_caller());
end
$$;
comment on function api.get_me() is $$
@http GET /v1/me
@api_keys allowed
@despite mfa_enrolment_required password_change_required

Return the signed-in user.
$$;
revoke all on function api.get_me() from public;
grant execute on function api.get_me() to roster_user;
