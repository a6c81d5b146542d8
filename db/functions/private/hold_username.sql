-- An account of nobody: it has no password, and its address can belong to nobody (RFC 2606). An administrator who wants
-- the name back deletes it like any other.
create or replace function private.hold_username(username text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.create_account(
    format('nobody-%s@nobody.invalid', gen_random_uuid()), hold_username.username, null, null, null, null, 'en');
exception
  -- Somebody has the name already, which is as good.
  when sqlstate 'UM409' then null;
end
$$;
comment on function private.hold_username(text) is 'Takes a username out of use, so that a registration of a taken address leaves what any other leaves.';
revoke all on function private.hold_username(text) from public;
