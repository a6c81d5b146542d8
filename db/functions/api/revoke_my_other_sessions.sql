-- "Sign out everywhere else."
create or replace function api.revoke_my_other_sessions() returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.end_sessions(private.require_user(), 'revoked', private.current_session_id());
end
$$;
comment on function api.revoke_my_other_sessions() is $$
@http DELETE /v1/me/sessions

End all of the signed-in user's sessions but the one of this request.
$$;
revoke all on function api.revoke_my_other_sessions() from public;
grant execute on function api.revoke_my_other_sessions() to roster_user;
