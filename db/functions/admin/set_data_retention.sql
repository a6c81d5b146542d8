-- Some data may be kept only until a date: a contract ends, a project closes.
create or replace function admin.set_data_retention(id uuid, until timestamptz) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  update app.users u set data_retention_until = until
  where u.id = set_data_retention.id and not exists (select from app.erasures e where e.user_id = u.id);
  if not found then
    perform private.fail('not_found');
  end if;
end
$$;
comment on function admin.set_data_retention(uuid, timestamptz) is 'Sets when an account is to be anonymised, whatever its status; null takes the date away. Raises not_found.';
revoke all on function admin.set_data_retention(uuid, timestamptz) from public;
grant execute on function admin.set_data_retention(uuid, timestamptz) to roster_dba;
