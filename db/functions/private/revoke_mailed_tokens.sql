-- A token in a mailbox, a code on a telephone, a sign-in that waits for its second factor: each dies with what it was
-- issued for, the password, the address, the account.
create or replace function private.revoke_mailed_tokens(user_id uuid) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.password_reset_tokens t set revoked_at = private.now()
  where t.user_id = revoke_mailed_tokens.user_id and t.used_at is null and t.revoked_at is null;
  update app.email_verification_tokens t set revoked_at = private.now()
  where t.user_id = revoke_mailed_tokens.user_id and t.used_at is null and t.revoked_at is null;
  update app.phone_verification_codes c set revoked_at = private.now()
  where c.user_id = revoke_mailed_tokens.user_id and c.used_at is null and c.revoked_at is null;
  perform private.revoke_login_challenges(revoke_mailed_tokens.user_id);
end
$$;
comment on function private.revoke_mailed_tokens(uuid) is 'Ends the unused mailed tokens, telephone codes and login challenges of a user.';
revoke all on function private.revoke_mailed_tokens(uuid) from public;
