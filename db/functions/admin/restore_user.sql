-- The short name of what POST /v1/users/{id}/restore does, for psql.
create or replace function admin.restore_user(id uuid) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform api.restore_user(restore_user.id);
end
$$;
comment on function admin.restore_user(uuid) is 'Restores a soft-deleted account while its time has not passed and nobody has taken its address or name.';
revoke all on function admin.restore_user(uuid) from public;
grant execute on function admin.restore_user(uuid) to roster_dba;
