-- What http.enter() was told about the request; in psql there is none.
create or replace function private.request_value(key text) returns text
language sql
stable
as $$
  select nullif(pg_catalog.current_setting('request.context', true), '')::pg_catalog.jsonb ->> request_value.key
$$;
comment on function private.request_value(text) is 'A value of the request: address, user_agent, request_id or route; null in psql. Told by the service: for the record, never for rights.';
revoke all on function private.request_value(text) from public;
grant execute on function private.request_value(text) to roster_anonymous, roster_user, roster_dba;
