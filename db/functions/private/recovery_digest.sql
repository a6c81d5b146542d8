-- People copy codes by hand: case, hyphens and the letters that look like digits make no difference.
create or replace function private.recovery_digest(user_id uuid, code text) returns bytea
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.keyed_digest(
    'recovery ' || recovery_digest.user_id || ' ' || translate(lower(recovery_digest.code), 'oil-', '011'));
end
$$;
comment on function private.recovery_digest(uuid, text) is 'What is stored of a recovery code of a user.';
revoke all on function private.recovery_digest(uuid, text) from public;
