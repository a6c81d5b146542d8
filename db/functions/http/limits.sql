-- The document tells what a route's limits are, and a tag that names none is a mistake to be told at start.
create or replace function http.limits() returns table (name text, quota integer, period_seconds integer)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select p.name, p.quota, ceil(extract(epoch from p.period))::integer from app.rate_limit_policies p order by p.name;
end
$$;
comment on function http.limits() is 'The named limits that @rate_limit tags can use: how many requests an address may send in how many seconds.';
revoke all on function http.limits() from public;
grant execute on function http.limits() to roster_authenticator, roster_dba;
