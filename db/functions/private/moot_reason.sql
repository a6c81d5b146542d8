-- After an outage nobody is helped by a mail whose link is dead, and a message whose worker died each time is not tried
-- for ever.
create or replace function private.moot_reason(message app.outbox) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := private.now();
  v_token bytea := private.digest(message.payload ->> 'token');
  v_code  bytea := private.keyed_digest('phone ' || message.user_id || ' ' || (message.payload ->> 'code'));
begin
  if message.attempts > 0 and private.retry_after(message.attempts) is null then
    return 'no attempt came to an end';
  elsif v_token is not null and not exists (
    select from app.password_reset_tokens t
    where t.token_hash = v_token and t.used_at is null and t.revoked_at is null and t.expires_at > v_now
    union all
    select from app.email_verification_tokens t
    where t.token_hash = v_token and t.used_at is null and t.revoked_at is null and t.expires_at > v_now)
  then
    return 'its token is not valid any more';
  elsif v_code is not null and not exists (
    select from app.phone_verification_codes c
    where c.user_id = message.user_id and c.code_hash = v_code
      and c.used_at is null and c.revoked_at is null and c.expires_at > v_now)
  then
    return 'its code is not valid any more';
  end if;
  return null;
end
$$;
comment on function private.moot_reason(app.outbox) is 'Why a message need not be sent any more; null: it is to be sent.';
revoke all on function private.moot_reason(app.outbox) from public;
