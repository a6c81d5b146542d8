-- A challenge stands for a password that was right and an account that may sign in; it ends with either.
create or replace function private.revoke_login_challenges(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.login_challenges c set revoked_at = private.now()
  where c.user_id = revoke_login_challenges.user_id and c.used_at is null and c.revoked_at is null;
end
$$;
comment on function private.revoke_login_challenges(uuid) is 'Ends the sign-ins of a user that wait for the second factor.';
revoke all on function private.revoke_login_challenges(uuid) from public;
