-- The attempt is counted and its lease written before anything is sent: a worker that dies leaves a message that comes
-- due again, and no two workers hold the same one. The lease is longer than a worker may try.
create or replace function http.claim_message()
returns table (id uuid, attempt integer, channel text, template text, recipient text, payload jsonb, created_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := private.now();
  v_message app.outbox;
  v_reason  text;
begin
  for v_look in 1..1000 loop
    select o.* into v_message from app.outbox o
    where o.next_attempt_at <= v_now order by o.next_attempt_at limit 1 for update skip locked;
    exit when not found;
    v_reason := private.moot_reason(v_message);
    if v_reason is null then
      return query
        update app.outbox o set attempts = o.attempts + 1, next_attempt_at = v_now + interval '2 minutes'
        where o.id = v_message.id
        -- What a message says is secret, also which one it is where that would tell whoever caused it something.
        returning o.id, o.attempts, o.channel, coalesce(o.payload ->> 'template', o.template),
                  coalesce(o.payload ->> 'recipient', o.recipient), o.payload::jsonb, o.created_at;
      return;
    end if;
    perform http.fail_message(v_message.id, v_message.attempts, v_reason, true);
  end loop;
end
$$;
comment on function http.claim_message() is 'Hands the message that has been due longest to a worker, for two minutes; no row: nothing is due. Messages that need not be sent any more are given up on the way, at most a thousand a call.';
revoke all on function http.claim_message() from public;
grant execute on function http.claim_message() to roster_authenticator;
