-- Always the same answer: whether a token was any good is nobody's business.
create or replace function api.logout(refresh_token app.token) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session app.sessions;
begin
  select s.* into v_session from app.sessions s
  where s.id = (select t.session_id from app.refresh_tokens t where t.token_hash = private.digest(logout.refresh_token))
  for update;
  if private.end_session(v_session.id, 'logout') then
    perform audit.record_event('session.logged_out', v_session.user_id, jsonb_build_object('session_id', v_session.id));
  end if;
end
$$;
comment on function api.logout(app.token) is $$
@http POST /v1/auth/logout

End the session of a refresh token.

The access tokens of the session stop working with the next request. Answers 204 whatever the token is.
$$;
revoke all on function api.logout(app.token) from public;
grant execute on function api.logout(app.token) to roster_anonymous, roster_user;
