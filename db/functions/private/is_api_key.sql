-- Which of the two a request came with. Where both are set the session counts, everywhere alike.
create or replace function private.is_api_key() returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(current_setting('request.session', true), '') = '' and coalesce(current_setting('request.api_key', true), '') <> '';
end
$$;
comment on function private.is_api_key() is 'Whether this request came with an API key rather than in a session; says nothing about whether the key is good.';
revoke all on function private.is_api_key() from public;
grant execute on function private.is_api_key() to roster_user, roster_dba;
