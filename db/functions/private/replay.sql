-- A repeated request gets the first answer and runs nothing. One that comes while the first is still running is told so at
-- once (409, as draft-ietf-httpapi-idempotency-key-header has it): to wait would hold a connection of the pool.
create or replace function private.replay(route regprocedure, context jsonb, is_signed_out boolean) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key_hash bytea := private.idempotency_hash(private.request_owner(context), context ->> 'idempotency_key');
  v_known    app.idempotency_keys;
begin
  if not is_signed_out and not pg_try_advisory_xact_lock(('x' || encode(v_key_hash, 'hex'))::bit(64)::bigint) then
    perform private.set_header('Retry-After', '1'), private.refuse('idempotency_in_progress');
    return true;
  end if;
  select k.* into v_known from app.idempotency_keys k where k.key_hash = v_key_hash and k.expires_at > private.now();
  if v_known.key_hash is null
     or (is_signed_out and v_known.session_hash is distinct from private.digest(context ->> 'session')) then
    return false;
  elsif v_known.route <> replay.route::text or v_known.request_hash <> private.keyed_digest(context ->> 'fingerprint') then
    perform private.refuse('idempotency_key_reused');
    return true;
  end if;
  perform private.set_header(h.key, h.value) from jsonb_each_text(v_known.headers || '{"Idempotency-Replayed": "true"}') h;
  perform set_config('response.status', v_known.status::text, true),
          set_config('response.problem', coalesce(v_known.problem::text, ''), true),
          set_config('response.replay', coalesce(v_known.answer::text, ''), true);
  return true;
end
$$;
comment on function private.replay(regprocedure, jsonb, boolean) is 'Whether the request''s Idempotency-Key decides its answer, which is then set; if not, the key is the request''s until its transaction ends. is_signed_out: only an answer that ended this very session counts.';
revoke all on function private.replay(regprocedure, jsonb, boolean) from public;
