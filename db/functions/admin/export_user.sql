-- Who is suspended or has deleted the account has a right to their data, too, and no session to take it with.
create or replace function admin.export_user(id uuid) returns api.personal_data
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  elsif not exists (select from app.users u where u.id = export_user.id) then
    perform private.fail('not_found');
  end if;
  perform audit.record_event('data.exported', export_user.id);
  return (private.now(), export_user.id, private.personal_data(export_user.id), audit.export_of(export_user.id))::api.personal_data;
end
$$;
comment on function admin.export_user(uuid) is 'Everything that is held about a person, as GET /v1/me/export returns it, whatever the status of the account; the log says who took it. Raises not_found.';
revoke all on function admin.export_user(uuid) from public;
grant execute on function admin.export_user(uuid) to roster_dba;
