-- Only the newest token works: an older mail is void. An address that is somebody else's gets the same token and the same
-- message as far as the person who asks can see, in the export of their data and by what becomes of an older token; what
-- goes out is another mail, to its owner, in which the token is not.
create or replace function private.send_email_verification(user_id uuid, email text, owner_id uuid default null) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token text := private.random_token();
begin
  update app.email_verification_tokens t set revoked_at = private.now()
  where t.user_id = send_email_verification.user_id and t.used_at is null and t.revoked_at is null;
  insert into app.email_verification_tokens (user_id, email, token_hash, expires_at)
  values (send_email_verification.user_id, send_email_verification.email, private.digest(v_token),
          private.now() + (select s.verification_token_ttl from app.settings s));
  perform private.send(
    send_email_verification.user_id, 'verify_email', send_email_verification.email,
    jsonb_build_object('token', v_token)
    || coalesce((select jsonb_build_object('template', 'email_already_used', 'recipient', u.email)
                 from app.users u where u.id = owner_id), '{}'));
end
$$;
comment on function private.send_email_verification(uuid, text, uuid) is 'Mails a token that verifies an address of a user, in place of any earlier one; if it belongs to somebody else, they are told instead.';
revoke all on function private.send_email_verification(uuid, text, uuid) from public;
