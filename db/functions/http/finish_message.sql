-- Whoever handed a message over says so, also when its lease is over meanwhile: the fewer copies go out.
-- What the message said leaves with the statement that marks it as sent.
create or replace function http.finish_message(id uuid) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.outbox o set
    sent_at = private.now(), recipient = null, payload = null, next_attempt_at = null, last_error = null
  where o.id = finish_message.id and o.next_attempt_at is not null;
  return found;
end
$$;
comment on function http.finish_message(uuid) is 'Records that a message was handed over and erases its recipient and payload; false: it was done already.';
revoke all on function http.finish_message(uuid) from public;
grant execute on function http.finish_message(uuid) to roster_authenticator;
