-- What hands out further rights takes a person, whatever the key may do.
create or replace function private.refuse_api_key() returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.is_api_key() then
    perform private.fail('session_required');
  end if;
end
$$;
comment on function private.refuse_api_key() is 'Raises session_required for a request that came with an API key.';
revoke all on function private.refuse_api_key() from public;
grant execute on function private.refuse_api_key() to roster_user, roster_dba;
