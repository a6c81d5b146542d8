-- For whoever has lost the app and the codes; that it is them is for people to find out.
create or replace function api.reset_user_mfa(id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  perform private.authorize('api.reset_user_mfa(uuid)');
  perform private.refuse_own_account(reset_user_mfa.id);
  perform private.check_outranks(reset_user_mfa.id);
  select u.* into v_account from app.users u where u.id = reset_user_mfa.id;
  if not private.remove_second_factor(v_account) then
    perform private.fail('no_second_factor');
  end if;
end
$$;
comment on function api.reset_user_mfa(uuid) is $$
@http DELETE /v1/users/{id}/mfa
@permission users:write
@errors not_found above_own_permissions own_account no_second_factor

Take the second factor of an account away, for somebody who has lost it.

One's own is taken away at `/v1/me/mfa/disable`. The owner is told by mail. The password stays; so do open sessions, which have passed the factor.
$$;
revoke all on function api.reset_user_mfa(uuid) from public;
grant execute on function api.reset_user_mfa(uuid) to roster_user;
