create or replace function private.login_source() returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.client_subject(coalesce(private.request_value('address')::inet, inet_client_addr()))
$$;
comment on function private.login_source() is 'Where this request comes from, as failed logins are counted: like a rate limit''s client.';
revoke all on function private.login_source() from public;
