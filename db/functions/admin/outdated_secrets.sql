-- For the rotation of the service's sealing keys. What is sealed tells nobody anything who has no key.
create or replace function admin.outdated_secrets(current_key text, max_rows integer default 500)
returns table (user_id uuid, sealed_secret text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  return query
    select f.user_id, f.sealed_secret::text from app.totp_factors f
    where not starts_with(f.sealed_secret, current_key || '.')
    order by f.user_id limit max_rows;
end
$$;
comment on function admin.outdated_secrets(text, integer) is 'Sealed secrets of second factors that another key than this one has sealed, at most so many.';
revoke all on function admin.outdated_secrets(text, integer) from public;
grant execute on function admin.outdated_secrets(text, integer) to roster_dba;
