-- The reference page of the log's actions is made from this, and a tag that names no event is a mistake to be told at start.
create or replace function http.actions() returns table (action text, kind text, meaning text, details text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select a.action, a.kind, a.meaning, a.details from audit.actions() a order by a.action collate "C";
end
$$;
comment on function http.actions() is 'The vocabulary of the audit log; its events are what @audit tags can name.';
revoke all on function http.actions() from public;
grant execute on function http.actions() to roster_authenticator, roster_dba;
