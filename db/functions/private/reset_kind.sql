-- The same for every address that has no account, and for every source that is not known.
create or replace function private.reset_kind(user_id uuid) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return concat_ws(' from ', 'reset', (
    select l.source from app.login_sources l
    where l.user_id = reset_kind.user_id and l.source = private.login_source() and l.last_login_at is not null));
end
$$;
comment on function private.reset_kind(uuid) is 'Which messages a reset that is asked for from here counts among: all resets of the account, or those from a source that it was signed in to from.';
revoke all on function private.reset_kind(uuid) from public;
