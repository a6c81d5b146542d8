-- A lock that many sources brought about goes on for others: else each sign-in of the owner would give them new guesses.
create or replace function private.record_login(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into app.login_sources as l (user_id, source, last_login_at)
  values (record_login.user_id, private.login_source(), private.now())
  on conflict on constraint login_sources_user_source_key do update set
    failed_login_attempts = 0, locked_until = null, last_login_at = private.now(), updated_at = private.now();
  update app.users u set
    failed_login_attempts = case when u.locked_until > private.now() then u.failed_login_attempts else 0 end,
    locked_until = case when u.locked_until > private.now() then u.locked_until end,
    last_login_at = private.now()
  where u.id = record_login.user_id;
end
$$;
comment on function private.record_login(uuid) is 'Notes a good login, when and from where, and forgets the failures before it.';
revoke all on function private.record_login(uuid) from public;
