-- The old token is marked before the new one exists, so that the index on live tokens never sees two; that it names
-- its successor first is what the deferred foreign key is for.
create or replace function private.rotate_refresh_token(
  session app.sessions, used app.refresh_tokens, token text, secret bytea,
  out successor text, out expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_salt    bytea := public.gen_random_bytes(32);
  v_next_id uuid := gen_random_uuid();
begin
  update app.refresh_tokens t set used_at = private.now(), successor_salt = v_salt, replaced_by = v_next_id
  where t.id = used.id;
  successor := private.successor_token(rotate_refresh_token.token, v_salt);
  expires_at := (private.issue_refresh_token(session, secret, successor, v_next_id)).expires_at;
  -- Older salts can make no successor any more.
  update app.refresh_tokens t set successor_salt = null
  where t.session_id = session.id and t.id <> used.id and t.successor_salt is not null;
  update app.sessions s set last_used_at = private.now() where s.id = session.id;
end
$$;
comment on function private.rotate_refresh_token(app.sessions, app.refresh_tokens, text, bytea) is 'Uses a live refresh token up; returns its successor and until when that may be used.';
revoke all on function private.rotate_refresh_token(app.sessions, app.refresh_tokens, text, bytea) from public;
