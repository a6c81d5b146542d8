-- The same answer for everybody: who has an account is nobody's business.
create or replace function api.request_email_verification(email app.email) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  perform private.hide_duration('100 ms');
  v_account := private.lock_account(request_email_verification.email);
  if not private.count_mail(request_email_verification.email, kind => 'verification') then
    return;
  end if;
  perform audit.record_event('email.verification_requested', v_account.id);
  if v_account.status = 'inactive' and not v_account.is_email_verified then
    perform private.send_email_verification(v_account.id, v_account.email);
  end if;
end
$$;
comment on function api.request_email_verification(app.email) is $$
@http POST /v1/auth/email/verification
@status 202
@rate_limit mail

Ask for a new verification mail.

Always answers 202; a mail goes out only to an account whose address is not verified yet.
$$;
revoke all on function api.request_email_verification(app.email) from public;
grant execute on function api.request_email_verification(app.email) to roster_anonymous, roster_user;
