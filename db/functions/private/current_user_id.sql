-- Identity is a live session or a live API key. A setting only names its secret; whoever does not know a secret is nobody.
create or replace function private.current_user_id() returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.is_api_key() then
    return (
      select k.user_id
      from private.live_api_keys k
      where k.secret_hash = private.digest(current_setting('request.api_key', true)));
  end if;
  return (
    select s.user_id
    from private.live_sessions s
    where s.secret_hash = private.digest(nullif(current_setting('request.session', true), '')));
end
$$;
comment on function private.current_user_id() is 'The user of this request''s live session or live API key, or null.';
revoke all on function private.current_user_id() from public;
grant execute on function private.current_user_id() to roster_user, roster_dba;
