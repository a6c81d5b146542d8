-- Who is behind a request, by one look-up; what it came with is noted as used to within five minutes.
create or replace function private.identify(context jsonb, out user_id uuid, out refusal text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session private.live_sessions;
  v_key     private.live_api_keys;
  v_before  timestamptz := private.now() - interval '5 minutes';
begin
  if context ? 'session' then
    select s.* into v_session from private.live_sessions s where s.secret_hash = private.digest(context ->> 'session');
    user_id := v_session.user_id;
    refusal := case when user_id is null then 'session_expired' end;
    if v_session.last_used_at < v_before then
      update app.sessions s set last_used_at = private.now() where s.id = v_session.id;
    end if;
  elsif context ? 'api_key' then
    select k.* into v_key from private.live_api_keys k where k.secret_hash = private.digest(context ->> 'api_key');
    user_id := v_key.user_id;
    refusal := case when user_id is null then 'token_invalid' end;
    if v_key.last_used_at is null or v_key.last_used_at < v_before then
      update app.api_keys k set last_used_at = private.now() where k.id = v_key.id;
    end if;
  end if;
end
$$;
comment on function private.identify(jsonb) is 'The user of a request by the session or the API key in its context, or why there is none; both null for a request without either.';
revoke all on function private.identify(jsonb) from public;
