-- Only the attempt that holds the message may fail it. One that is given up is erased like one that was sent: a token
-- that nobody will get is nothing to keep, and whoever waits for it can ask for a new one.
create or replace function http.fail_message(id uuid, attempt integer, reason text, is_final boolean default false)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wait interval := case when not is_final then private.retry_after(attempt) end;
begin
  update app.outbox o set
    last_error = left(reason, 200),
    next_attempt_at = private.now() + v_wait,
    failed_at = case when v_wait is null then private.now() end,
    recipient = case when v_wait is not null then o.recipient end,
    payload = case when v_wait is not null then o.payload end
  where o.id = fail_message.id and o.attempts = fail_message.attempt and o.next_attempt_at is not null;
  return found and v_wait is null;
end
$$;
comment on function http.fail_message(uuid, integer, text, boolean) is 'Records why an attempt failed and when to try again; after the last attempt, or if it is final, gives the message up and erases its recipient and payload. Returns whether it was given up.';
revoke all on function http.fail_message(uuid, integer, text, boolean) from public;
grant execute on function http.fail_message(uuid, integer, text, boolean) to roster_authenticator;
