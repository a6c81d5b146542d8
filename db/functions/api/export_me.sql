-- One document, made in one snapshot. Taking it is an event: whoever stole a session would want it too.
create or replace function api.export_me() returns api.personal_data
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
begin
  return (private.now(), v_user_id, private.personal_data(v_user_id), audit.export_of(v_user_id))::api.personal_data;
end
$$;
comment on function api.export_me() is $$
@http GET /v1/me/export
@audit data.exported

Return everything that is held about the signed-in user, as one JSON document.

Secrets such as password hashes are left out: they tell nothing about the person.
$$;
revoke all on function api.export_me() from public;
grant execute on function api.export_me() to roster_user;
