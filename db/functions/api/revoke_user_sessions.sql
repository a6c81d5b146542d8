-- "Sign this person out everywhere."
create or replace function api.revoke_user_sessions(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.authorize('api.revoke_user_sessions(uuid)');
  if not exists (select from app.users u where u.id = revoke_user_sessions.id for update) then
    perform private.fail('not_found');
  end if;
  perform private.end_sessions(revoke_user_sessions.id, 'revoked');
end
$$;
comment on function api.revoke_user_sessions(uuid) is $$
@http DELETE /v1/users/{id}/sessions
@permission sessions:manage
@errors not_found

End all sessions of an account.
$$;
revoke all on function api.revoke_user_sessions(uuid) from public;
grant execute on function api.revoke_user_sessions(uuid) to roster_user;
