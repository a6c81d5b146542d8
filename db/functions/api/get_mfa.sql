-- What a settings page shows.
create or replace function api.get_mfa() returns api.second_factor
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.require_user();
  v_reply   api.second_factor;
begin
  v_reply.is_active := private.has_second_factor(v_user_id);
  select f.confirmed_at into v_reply.confirmed_at from app.totp_factors f where f.user_id = v_user_id and f.confirmed_at is not null;
  select count(*)::integer into v_reply.recovery_codes_left from app.recovery_codes c where c.user_id = v_user_id and c.used_at is null;
  select s.methods into v_reply.methods from app.sessions s where s.id = private.current_session_id();
  return v_reply;
end
$$;
comment on function api.get_mfa() is $$
@http GET /v1/me/mfa
@despite mfa_enrolment_required password_change_required

Tell whether the signed-in user has a second factor.
$$;
revoke all on function api.get_mfa() from public;
grant execute on function api.get_mfa() to roster_user;
