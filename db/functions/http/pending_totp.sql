-- An app that replaces another shows its own code before the other goes.
create or replace function http.pending_totp() returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.totp_facts(private.current_user_id(), is_confirmed => false);
end
$$;
comment on function http.pending_totp() is 'Sealed secret of the authenticator app of the user of this request that waits to be confirmed, and the time steps to try; null without one.';
revoke all on function http.pending_totp() from public;
grant execute on function http.pending_totp() to roster_authenticator;
