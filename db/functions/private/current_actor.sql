-- Who did something stays true after the session that did it has ended, even in the same transaction:
-- the log therefore asks for the session or the API key, alive or not.
create or replace function private.current_actor(out user_id uuid, out session_id uuid, out api_key_id uuid)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('request.session', true) <> '' then
    select s.user_id, s.id into user_id, session_id
    from app.sessions s where s.secret_hash = private.digest(current_setting('request.session', true));
  elsif private.is_api_key() then
    select k.user_id, k.id into user_id, api_key_id
    from app.api_keys k where k.secret_hash = private.digest(current_setting('request.api_key', true));
  end if;
end
$$;
comment on function private.current_actor() is 'The user and the session or API key of this request, for attribution only; says nothing about rights.';
revoke all on function private.current_actor() from public;
grant execute on function private.current_actor() to roster_audit_owner;
