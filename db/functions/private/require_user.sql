-- Functions about "me" need a me: a request's session, or in psql the user that admin.act_as() named. A key is no person:
-- http.enter() has said so already, this is for whoever does not pass there.
create or replace function private.require_user() returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.refuse_api_key();
  return private.require_caller();
end
$$;
comment on function private.require_user() is 'The user of this request''s session; raises authentication_required if there is none, session_required for an API key.';
revoke all on function private.require_user() from public;
grant execute on function private.require_user() to roster_user, roster_dba;
