-- The short name of what POST /v1/users/{id}/anonymize does, for psql.
create or replace function admin.anonymize_user(id uuid) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform api.anonymize_user(anonymize_user.id);
end
$$;
comment on function admin.anonymize_user(uuid) is 'Erases a person for good; a tombstone with the key remains.';
revoke all on function admin.anonymize_user(uuid) from public;
grant execute on function admin.anonymize_user(uuid) to roster_dba;
