-- The last stage of a request's statement: the answer is stored in the transaction of its effect, so that neither is ever
-- there without the other. An error stores nothing, because nothing has happened; a refusal that is kept is an effect,
-- and its answer is kept as well. One that says when to come back is not: that would be wrong the next time.
create or replace function http.remember(route regprocedure, context jsonb, status integer, answer text) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status   integer := coalesce(nullif(current_setting('response.status', true), '')::integer, remember.status);
  v_user_id  uuid;
  v_key_hash bytea;
begin
  if not context ? 'idempotency_key' or v_status = 429 then
    return answer;
  end if;
  v_user_id := private.request_owner(context);
  v_key_hash := private.idempotency_hash(v_user_id, context ->> 'idempotency_key');
  delete from app.idempotency_keys k where k.key_hash = v_key_hash;  -- one that has expired and is not yet cleaned up
  insert into app.idempotency_keys (key_hash, user_id, session_hash, route, request_hash, status, problem, answer, headers)
  values (
    v_key_hash, v_user_id, case when private.current_user_id() is null then private.digest(context ->> 'session') end,
    remember.route::text, private.keyed_digest(context ->> 'fingerprint'), v_status,
    nullif(current_setting('response.problem', true), '')::jsonb, nullif(remember.answer, '')::json,
    coalesce(nullif(current_setting('response.headers', true), ''), '{}')::jsonb - '{RateLimit,RateLimit-Policy,Retry-After,Answer-After}'::text[]);
  return answer;
end
$$;
comment on function http.remember(regprocedure, jsonb, integer, text) is 'Keeps the answer of an operation for 24 hours if the request has an Idempotency-Key, and returns it. status: of a success. context as http.enter() has it, with idempotency_key and fingerprint.';
revoke all on function http.remember(regprocedure, jsonb, integer, text) from public;
grant execute on function http.remember(regprocedure, jsonb, integer, text) to roster_authenticator;
