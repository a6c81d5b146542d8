-- "Sign this person out everywhere."
create or replace function api.revoke_user_sessions(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.revoke_user_sessions(uuid)');
  perform private.check_outranks(revoke_user_sessions.id);
  perform private.end_sessions(revoke_user_sessions.id, 'revoked');
end
$$;
comment on function api.revoke_user_sessions(uuid) is $$
@http DELETE /v1/users/{id}/sessions
@permission sessions:manage
@errors not_found above_own_permissions

End all sessions of an account.
$$;
revoke all on function api.revoke_user_sessions(uuid) from public;
grant execute on function api.revoke_user_sessions(uuid) to roster_user;
