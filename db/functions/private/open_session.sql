-- Sign-in and act_as make sessions the same way; from here on the transaction acts as that user.
create or replace function private.open_session(
  user_id uuid, secret text, lifetime interval, device_name app.device_name default null, database_role text default null,
  methods text[] default '{}')
returns app.sessions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session app.sessions;
begin
  insert into app.sessions (user_id, secret_hash, device_name, client_address, user_agent, database_role, methods, expires_at)
  values (
    open_session.user_id, private.digest(secret), open_session.device_name,
    coalesce(private.request_value('address')::inet, inet_client_addr()), left(private.request_value('user_agent'), 300),
    open_session.database_role, open_session.methods, private.now() + lifetime)
  returning * into v_session;
  return v_session;
end
$$;
comment on function private.open_session(uuid, text, interval, app.device_name, text, text[]) is 'Opens a session of a user under a secret id, of which only the digest is stored.';
revoke all on function private.open_session(uuid, text, interval, app.device_name, text, text[]) from public;
