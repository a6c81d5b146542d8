-- The original name of what DELETE /v1/users/{id} does, for psql.
create or replace function admin.soft_delete_user(id uuid) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform api.delete_user(soft_delete_user.id);
end
$$;
comment on function admin.soft_delete_user(uuid) is 'Soft-deletes an account: sessions end, address and name are free, it can be restored for a time.';
revoke all on function admin.soft_delete_user(uuid) from public;
grant execute on function admin.soft_delete_user(uuid) to roster_dba;
