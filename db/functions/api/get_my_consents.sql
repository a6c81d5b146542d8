-- Everybody can see what they agreed to, and when.
create or replace function api.get_my_consents() returns api.consent_state
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.consents_of(private.require_user());
end
$$;
comment on function api.get_my_consents() is $$
@http GET /v1/me/consents

Return the signed-in user's consents and their history.
$$;
revoke all on function api.get_my_consents() from public;
grant execute on function api.get_my_consents() to roster_user;
