-- The same answer for everybody, in the same time. A lock does not stand in the way: this is the owner's way past it. Nor do
-- others who ask until the limit is reached: from where somebody has signed in before, requests count apart.
-- Who has no password yet is invited (again).
create or replace function api.forgot_password(email app.email) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  perform private.hide_duration('100 ms');
  v_account := private.lock_account(forgot_password.email);
  if not private.count_mail(forgot_password.email, kind => private.reset_kind(v_account.id)) then
    return;
  end if;
  perform audit.record_event('password.reset_requested', v_account.id);
  if v_account.status in ('active', 'inactive') then
    perform private.send_password_token(v_account, case when v_account.password_hash is null then 'invitation' else 'reset' end);
  end if;
end
$$;
comment on function api.forgot_password(app.email) is $$
@http POST /v1/auth/password/forgot
@status 202
@rate_limit mail

Ask for a mail with a token that sets a new password.

Always answers 202. Who was invited and has no password yet gets a new invitation.
$$;
revoke all on function api.forgot_password(app.email) from public;
grant execute on function api.forgot_password(app.email) to roster_anonymous, roster_user;
