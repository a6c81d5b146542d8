-- Somebody else's session answers like one that does not exist.
create or replace function api.revoke_my_session(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
begin
  if not exists (select from app.sessions s where s.id = revoke_my_session.id and s.user_id = v_user_id)
     or not private.end_session(revoke_my_session.id, 'revoked') then
    perform private.fail('not_found');
  end if;
end
$$;
comment on function api.revoke_my_session(uuid) is $$
@http DELETE /v1/me/sessions/{id}
@errors not_found

End one of the signed-in user's sessions.
$$;
revoke all on function api.revoke_my_session(uuid) from public;
grant execute on function api.revoke_my_session(uuid) to roster_user;
