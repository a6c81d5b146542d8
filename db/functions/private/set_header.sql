-- The function that knows a version or a limit names the header; the service only passes it on.
create or replace function private.set_header(name text, value text) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config(
    'response.headers',
    (coalesce(nullif(current_setting('response.headers', true), ''), '{}')::jsonb
      || jsonb_build_object(set_header.name, set_header.value))::text,
    true);
end
$$;
comment on function private.set_header(text, text) is 'Adds a header to the answer of this request, replacing one of the same name.';
revoke all on function private.set_header(text, text) from public;
grant execute on function private.set_header(text, text) to roster_anonymous, roster_user, roster_dba;
