-- What is done for somebody who has an account takes longer than nothing. Waiting is left to the service, after the commit:
-- here it would keep locks and a connection.
create or replace function private.hide_duration(duration interval) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.set_header('Answer-After', round(extract(epoch from hide_duration.duration) * 1000)::integer::text);
end
$$;
comment on function private.hide_duration(interval) is 'Has this request answered no earlier than that after it came, so that how long it took does not tell what was done.';
revoke all on function private.hide_duration(interval) from public;
