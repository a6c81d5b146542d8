-- Many clients asking for messages to one person are one nuisance: the limit holds per recipient and per account as
-- well. It counts for whoever it is, so that an address without an account takes the same path. Each kind counts apart, or
-- requests that mail nothing would use up the resets of whoever needs one.
create or replace function private.count_mail(recipient text, is_told boolean default false, kind text default 'other') returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_subject text := private.mail_subject(count_mail.recipient, kind);
  v_policy  text;
  v_count   record;
begin
  foreach v_policy in array array['mail', 'mail_daily'] loop
    v_count := private.count_request(v_policy, v_subject);
    exit when not v_count.is_allowed;
  end loop;
  if v_count.is_first_refusal then
    perform audit.record_event('request.rate_limited', null, jsonb_build_object('policy', v_policy));
  end if;
  if is_told and not v_count.is_allowed then
    perform private.set_header('Retry-After', v_count.reset_seconds::text);
    perform private.refuse('rate_limited');
  end if;
  return v_count.is_allowed;
end
$$;
comment on function private.count_mail(text, boolean, text) is 'Whether one more message of a kind to an address, a number or an account (its id) is within the limits `mail` and `mail_daily`. is_told: refuse if not; otherwise silent, since an answer would tell that the account exists.';
revoke all on function private.count_mail(text, boolean, text) from public;
