-- A server of a provider may keep it to itself; then only transaction ids that run backwards tell of another cluster.
create or replace function audit.system_identifier() returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if has_function_privilege('pg_control_system()', 'execute') then
    return (select c.system_identifier from pg_control_system() c);
  end if;
  return 0::bigint;
end
$$;
comment on function audit.system_identifier() is 'Which cluster this is; 0 where the server does not tell.';
revoke all on function audit.system_identifier() from public;
