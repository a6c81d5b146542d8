-- enter() has asked already when a request comes by HTTP; a function that runs with its owner's rights asks again,
-- so that psql, where nothing passes enter(), is no way around it.
create or replace function private.authorize(route regprocedure) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.has_permission((private.route_tags(authorize.route)).permission) then
    perform private.fail('forbidden');
  end if;
end
$$;
comment on function private.authorize(regprocedure) is 'Raises forbidden unless the caller holds the permission that the route''s comment declares.';
revoke all on function private.authorize(regprocedure) from public;
grant execute on function private.authorize(regprocedure) to roster_user, roster_dba;
