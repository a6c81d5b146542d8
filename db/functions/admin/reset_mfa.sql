-- The short name of what DELETE /v1/users/{id}/mfa does, for psql.
create or replace function admin.reset_mfa(id uuid) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform api.reset_user_mfa(reset_mfa.id);
end
$$;
comment on function admin.reset_mfa(uuid) is 'Takes the second factor of an account away, for somebody who has lost it; the owner is told by mail.';
revoke all on function admin.reset_mfa(uuid) from public;
grant execute on function admin.reset_mfa(uuid) to roster_dba;
