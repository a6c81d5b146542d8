-- The answer of login and refresh. The access token is signed outside the database, from the claims set here. The account
-- comes not from load_user(): that runs as the caller elsewhere, and its plan would be made anew at each change of role.
create or replace function private.session_reply(session app.sessions, secret text, refresh_token text, refresh_expires_at timestamptz)
returns api.session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reply api.session;
  v_ttl   integer;
begin
  select floor(extract(epoch from least(s.access_token_ttl, session.expires_at - private.now())))::integer into v_ttl from app.settings s;
  v_reply.token_type := 'Bearer';
  v_reply.expires_in := v_ttl;
  v_reply.refresh_token := session_reply.refresh_token;
  v_reply.refresh_expires_at := session_reply.refresh_expires_at;
  v_reply.session_id := session.id;
  select s into v_reply."user" from private.show_user(session.user_id) s;
  perform set_config('response.claims', jsonb_build_object(
    'sub', session.user_id, 'sid', secret, 'roles', to_jsonb((v_reply."user").roles), 'amr', to_jsonb(session.methods),
    'client_id', (select s.service_name from app.settings s), 'ttl', v_ttl)::text, true);
  return v_reply;
end
$$;
comment on function private.session_reply(app.sessions, text, text, timestamptz) is 'Composes api.session and hands the claims of the access token to the service.';
revoke all on function private.session_reply(app.sessions, text, text, timestamptz) from public;
