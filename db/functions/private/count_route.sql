-- Every request counts against the default limit, some against stricter ones as well; the answer's headers say where
-- the caller stands (draft-ietf-httpapi-ratelimit-headers-11). A flood leaves one audit row a window, not one a request.
create or replace function private.count_route(policies text[], address inet) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy   text;
  v_count    record;
  v_limits   text[];
  v_states   text[];
begin
  foreach v_policy in array array_remove(array['default'] || count_route.policies, null) loop
    v_count := private.count_request(v_policy, private.client_subject(count_route.address));
    v_limits := v_limits || format('"%s";q=%s;w=%s', v_policy, v_count.quota, v_count.period_seconds);
    v_states := v_states || format('"%s";r=%s;t=%s', v_policy, v_count.remaining, v_count.reset_seconds);
    exit when not v_count.is_allowed;
  end loop;
  perform private.set_header('RateLimit-Policy', array_to_string(v_limits, ', ')),
          private.set_header('RateLimit', array_to_string(v_states, ', '));
  if not v_count.is_allowed then
    perform private.set_header('Retry-After', v_count.reset_seconds::text);
    if v_count.is_first_refusal then
      perform audit.record_event('request.rate_limited', null, jsonb_build_object('policy', v_policy));
    end if;
  end if;
  return v_count.is_allowed;
end
$$;
comment on function private.count_route(text[], inet) is 'Counts a request against the default limit and the named ones (null: none), and sets the RateLimit headers; false if one is exhausted.';
revoke all on function private.count_route(text[], inet) from public;
