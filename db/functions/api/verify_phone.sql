-- Six digits need a limit of tries, and a wrong one must be kept: so this returns instead of raising.
create or replace function api.verify_phone(code app.phone_code) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_code    app.phone_verification_codes;
begin
  select c.* into v_code from app.phone_verification_codes c
  where c.user_id = v_user_id and c.used_at is null and c.revoked_at is null and c.expires_at > private.now();
  if v_code.code_hash = private.keyed_digest('phone ' || v_user_id || ' ' || verify_phone.code) then
    update app.phone_verification_codes c set used_at = private.now() where c.id = v_code.id;
    update app.user_profiles p set phone = v_code.phone where p.user_id = v_user_id;
    update app.users u set is_phone_verified = true where u.id = v_user_id;
    perform audit.record_event('phone.verified', v_user_id);
    return;
  end if;
  update app.phone_verification_codes c set
    attempts = c.attempts + 1, revoked_at = case when c.attempts >= 4 then private.now() end
  where c.id = v_code.id;
  perform audit.record_event('phone.verification_failed', v_user_id);
  perform private.refuse('code_invalid');
end
$$;
comment on function api.verify_phone(app.phone_code) is $$
@http POST /v1/me/phone/verify
@errors code_invalid
@rate_limit login

Verify a telephone number with the code that was sent to it.

A code works once, for ten minutes and at most five tries.
$$;
revoke all on function api.verify_phone(app.phone_code) from public;
grant execute on function api.verify_phone(app.phone_code) to roster_user;
