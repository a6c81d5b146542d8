-- Whoever gets an account may want to change just this version of it.
create or replace function private.user_reply(id uuid) returns api.user
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user api.user := private.load_user(user_reply.id);
begin
  perform private.set_header('ETag', format('"%s"', v_user.version));
  return v_user;
end
$$;
comment on function private.user_reply(uuid) is 'A user as the answer of a route, with the ETag (RFC 9110, 8.8.3); raises not_found.';
revoke all on function private.user_reply(uuid) from public;
grant execute on function private.user_reply(uuid) to roster_user, roster_dba;
