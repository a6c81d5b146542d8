-- What ends a session ends its live refresh token in the same transaction, whoever is racing it.
create or replace function private.end_sessions(user_id uuid, reason text, except_session_id uuid default null) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended uuid[];
begin
  -- Locked in one order, so that two of these never wait for each other.
  perform from app.sessions s where s.user_id = end_sessions.user_id and s.revoked_at is null order by s.id for update;
  with ended as (
    update app.sessions s set revoked_at = private.now(), revoked_reason = end_sessions.reason
    where s.user_id = end_sessions.user_id
      and s.revoked_at is null
      and s.id is distinct from end_sessions.except_session_id
    returning s.id)
  select array_agg(e.id) into v_ended from ended e;
  update app.refresh_tokens t set revoked_at = private.now()
  where t.session_id = any (v_ended) and t.used_at is null and t.revoked_at is null;
  return coalesce(cardinality(v_ended), 0);
end
$$;
comment on function private.end_sessions(uuid, text, uuid) is 'Ends the open sessions of a user with their tokens, except one; returns how many.';
revoke all on function private.end_sessions(uuid, text, uuid) from public;
