-- The token proves one address for one account; if that is a new address, this is the moment in which it takes effect.
create or replace function api.verify_email(token app.token) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token   app.email_verification_tokens;
  v_account app.users;
begin
  select u.* into v_account from app.users u
  where u.id = (select t.user_id from app.email_verification_tokens t where t.token_hash = private.digest(verify_email.token))
  for update;
  update app.email_verification_tokens t set used_at = private.now()
  where t.token_hash = private.digest(verify_email.token)
    and t.used_at is null and t.revoked_at is null and t.expires_at > private.now()
  returning t.* into v_token;
  if v_token.id is null or v_account.deleted_at is not null then
    perform private.fail('token_invalid', 400);
  end if;
  perform private.confirm_email(v_account, v_token.email);
end
$$;
comment on function api.verify_email(app.token) is $$
@http POST /v1/auth/email/verify
@errors 400:token_invalid email_taken
@rate_limit login

Verify an email address with the token that was mailed to it.

Makes an `inactive` account `active`, or puts a new address into effect. A token works once.
$$;
revoke all on function api.verify_email(app.token) from public;
grant execute on function api.verify_email(app.token) to roster_anonymous, roster_user;
