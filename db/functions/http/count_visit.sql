-- What no function answers (pages, keys, paths that are nothing) counts like a call of one: a scan is as much of a load.
create or replace function http.count_visit(context jsonb) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.context', context::text, true);
  if private.count_route('{}', (context ->> 'address')::inet) then
    return true;
  end if;
  perform private.refuse('rate_limited');
  return false;
end
$$;
comment on function http.count_visit(jsonb) is 'Counts a request that is for no function against the default limit; false after a refusal. context: address, request_id.';
revoke all on function http.count_visit(jsonb) from public;
grant execute on function http.count_visit(jsonb) to roster_authenticator;
