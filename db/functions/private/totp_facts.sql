-- The service can read the secret and the database cannot; the database has the clock and the rules. So the service is
-- told which steps to try, and only says which of them fits.
create or replace function private.totp_facts(user_id uuid) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('secret', f.sealed_secret, 'steps', private.totp_steps())
    from app.totp_factors f where f.user_id = totp_facts.user_id);
end
$$;
comment on function private.totp_facts(uuid) is 'What the service needs to check a code of a user: the sealed secret and the time steps to try; null without a factor.';
revoke all on function private.totp_facts(uuid) from public;
