-- The service can read the secret and the database cannot; the database has the clock and the rules. So the service is
-- told which steps to try, and only says which of them fits.
create or replace function private.totp_facts(user_id uuid, is_confirmed boolean default true) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('secret', f.sealed_secret, 'steps', private.totp_steps())
    from app.totp_factors f
    where f.user_id = totp_facts.user_id and (f.confirmed_at is not null) = is_confirmed);
end
$$;
comment on function private.totp_facts(uuid, boolean) is 'What the service needs to check a code of a user: the sealed secret of the app that is in force, or that waits to be confirmed, and the time steps to try; null without one.';
revoke all on function private.totp_facts(uuid, boolean) from public;
