-- Reset and invitation are one thing: a mailed token that sets a password, for its newest issue only.
create or replace function private.send_password_token(account app.users, purpose text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token text := private.random_token();
begin
  update app.password_reset_tokens t set revoked_at = private.now()
  where t.user_id = account.id and t.used_at is null and t.revoked_at is null;
  insert into app.password_reset_tokens (user_id, token_hash, purpose, expires_at)
  select account.id, private.digest(v_token), send_password_token.purpose,
         private.now() + case send_password_token.purpose when 'invitation' then s.invitation_ttl else s.reset_token_ttl end
  from app.settings s;
  perform private.send(
    account.id, case send_password_token.purpose when 'invitation' then 'invitation' else 'reset_password' end,
    account.email, jsonb_build_object('token', v_token));
end
$$;
comment on function private.send_password_token(app.users, text) is 'Mails a token that sets the password of an account: reset or invitation.';
revoke all on function private.send_password_token(app.users, text) from public;
