-- For routes that take a code from somebody who is signed in.
create or replace function http.own_totp() returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.totp_facts(private.current_user_id());
end
$$;
comment on function http.own_totp() is 'Sealed secret of the authenticator app of the user of this request that is in force, and the time steps to try; null without one.';
revoke all on function http.own_totp() from public;
grant execute on function http.own_totp() to roster_authenticator;
