-- The door that every request passes, in the same statement as its operation: count it, resolve its session or API key,
-- check the caller's right to the route, and whether the answer is known already. An API key opens what its scopes name,
-- and what says that it is for keys; an account that lacks something, what says that it is open despite that. It refuses
-- by returning null, so that the count and the audit row commit.
create or replace function http.enter(route regprocedure, context jsonb) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tags    record := private.route_tags(enter.route);
  v_caller  record;
  v_refusal text;
  v_lacks   text;
  v_role    text := case when context ?| '{session,api_key}' then 'roster_user' else 'roster_anonymous' end;
begin
  perform set_config('request.context', (context - '{session,api_key,arguments,problem,idempotency_key,fingerprint}'::text[]
            || jsonb_build_object('route', enter.route::text))::text, true),
          set_config('request.session', coalesce(context ->> 'session', ''), true),
          set_config('request.api_key', coalesce(context ->> 'api_key', ''), true);

  -- The second statement of a request with a password belongs to the request that has been counted already.
  -- Answers that are kept for nobody in particular are nobody's to answer for, so their number is limited apart.
  if context ->> 'stage' is distinct from 'call' and not private.count_route(
       array[v_tags.rate_limit, case when context ? 'idempotency_key' and v_role = 'roster_anonymous' then 'anonymous_keys' end],
       (context ->> 'address')::inet) then
    perform private.refuse('rate_limited');
    return null;
  end if;

  v_caller := private.identify(context);
  v_lacks := case when v_caller.user_id is not null then private.outstanding(v_caller.user_id) end;
  if v_caller.refusal is not null then
    v_refusal := v_caller.refusal;
  elsif not has_function_privilege(v_role, enter.route, 'execute') then
    v_refusal := case when v_role = 'roster_anonymous' then 'authentication_required' else 'forbidden' end;
  elsif v_lacks <> all (coalesce(v_tags.despite, '{""}')) and not has_function_privilege('roster_anonymous', enter.route, 'execute') then
    v_refusal := v_lacks;
  elsif v_tags.permission is not null and not private.has_permission(v_tags.permission) then
    v_refusal := 'forbidden';
  elsif v_tags.permission is null and v_tags.api_keys is null and private.is_api_key() then
    v_refusal := 'session_required';
  end if;

  if context ? 'idempotency_key' and coalesce(v_refusal, 'session_expired') = 'session_expired'
     and private.replay(enter.route, context, v_refusal is not null) then
    return null;
  end if;
  if v_refusal is not null then
    perform audit.record_event('request.refused', v_caller.user_id, jsonb_build_object(
      'code', case when context ->> 'problem' = 'token_invalid' then 'token_invalid' else v_refusal end));
    perform private.refuse(v_refusal);
    return null;
  end if;
  if context ? 'problem' then
    -- The operation raised it, and with it went whatever would have said so.
    perform audit.record_event('request.refused', v_caller.user_id, jsonb_build_object('code', p.code))
    from http.problems() p where p.code = context ->> 'problem' and p.status in (401, 403);
  elsif v_tags.audit is not null and context ->> 'stage' is distinct from 'prepare' then
    perform audit.record_event(
      v_tags.audit, coalesce(context #>> '{arguments,user_id}', context #>> '{arguments,id}', v_caller.user_id::text)::uuid,
      nullif(jsonb_strip_nulls((context -> 'arguments') - '{user_id,id}'::text[]), '{}'));
  end if;
  return v_role;
end
$$;
comment on function http.enter(regprocedure, jsonb) is 'Admits a request to a route and returns the database role to run it as, or null after a refusal. context: session (secret id) or api_key, address, user_agent, request_id; stage: prepare before the operation, call after that; arguments that an audited read keeps, `id` or `user_id` being whom it is about; problem: what the operation raised; idempotency_key and fingerprint where it may be a repetition.';
revoke all on function http.enter(regprocedure, jsonb) from public;
grant execute on function http.enter(regprocedure, jsonb) to roster_authenticator;
