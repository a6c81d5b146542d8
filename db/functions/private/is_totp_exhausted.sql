-- Locks count guesses at the account, and a reset of the password ends them; who reads the mailbox could guess on for ever.
-- So the factor counts its own (NIST SP 800-63B-4, 3.2.2), and like a lock this leaves the owner's own sources open.
create or replace function private.is_totp_exhausted(user_id uuid) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from app.totp_factors f, app.settings s
    where f.user_id = is_totp_exhausted.user_id and f.confirmed_at is not null and f.failures >= s.lock_everywhere_after_failures)
  and not exists (
    select from app.login_sources l
    where l.user_id = is_totp_exhausted.user_id and l.source = private.login_source() and l.last_login_at is not null);
end
$$;
comment on function private.is_totp_exhausted(uuid) is 'Whether so many wrong codes in a row were given for a user''s authenticator app that this source has to send a recovery code.';
revoke all on function private.is_totp_exhausted(uuid) from public;
