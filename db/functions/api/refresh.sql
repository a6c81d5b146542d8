-- The session's row is the lock that refresh, logout, suspension and password change share: whoever comes second
-- sees what the first one did. Nothing raises: the revocation after a theft must be kept.
create or replace function api.refresh(refresh_token app.token) returns api.session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session   app.sessions;
  v_token     app.refresh_tokens;
  v_next      app.refresh_tokens;
  v_obstacle  text;
  v_bytes     bytea;
  v_successor text;
  v_expiry    timestamptz;
begin
  select s.* into v_session from app.sessions s
  where s.id = (select t.session_id from app.refresh_tokens t where t.token_hash = private.digest(refresh.refresh_token))
  for update;
  select t.* into v_token from app.refresh_tokens t where t.token_hash = private.digest(refresh.refresh_token) for update;
  select n.* into v_next from app.refresh_tokens n where n.id = v_token.replaced_by;

  v_obstacle := private.refresh_obstacle(v_session, v_token, v_next);
  if v_obstacle = 'token_reused' then
    perform private.end_session(v_session.id, 'token_reused');
    perform audit.record_event('refresh_token.reused', v_session.user_id, jsonb_build_object('session_id', v_session.id));
  elsif v_obstacle is not null then
    perform audit.record_event('refresh_token.refused', v_session.user_id, jsonb_build_object('code', v_obstacle));
  end if;
  if v_obstacle is not null then
    perform private.refuse(v_obstacle);
    return null;
  end if;

  v_bytes := private.seal(v_token.sealed_secret, refresh.refresh_token);
  perform set_config('request.session', private.base64url(v_bytes), true);
  if v_token.used_at is null then
    select r.successor, r.expires_at into v_successor, v_expiry
    from private.rotate_refresh_token(v_session, v_token, refresh.refresh_token, v_bytes) r;
  else
    v_successor := private.successor_token(refresh.refresh_token, v_token.successor_salt);
    v_expiry := v_next.expires_at;
    perform audit.record_event('refresh_token.retried', v_session.user_id, jsonb_build_object('session_id', v_session.id));
  end if;
  return private.session_reply(v_session, private.base64url(v_bytes), v_successor, v_expiry);
end
$$;
comment on function api.refresh(app.token) is $$
@http POST /v1/auth/refresh
@errors token_invalid token_reused session_expired

Exchange a refresh token for the next pair of tokens.

Each refresh token works once. A client that lost the answer may present the same token again within ten seconds, with
the same User-Agent, and gets the same successor. Anything else that presents a used token ends the session.
$$;
revoke all on function api.refresh(app.token) from public;
grant execute on function api.refresh(app.token) to roster_anonymous;
