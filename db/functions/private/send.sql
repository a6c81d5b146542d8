-- The message is a row of the transaction that causes it: no message without the cause, no cause without the message.
create or replace function private.send(user_id uuid, template text, recipient text, payload jsonb default '{}', channel text default 'email')
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from http.messages() m
    where m.template = send.template and m.channel = send.channel and send.payload ?& m.keys)
  then
    raise exception 'http.messages() knows no % by % with these keys', send.template, send.channel;
  end if;
  insert into app.outbox (user_id, channel, template, recipient, payload)
  values (send.user_id, send.channel, send.template, send.recipient,
          jsonb_build_object('service_name', (select s.service_name from app.settings s),
                             'username', (select u.username from app.users u where u.id = send.user_id)) || send.payload);
  notify pgroster_outbox;
end
$$;
comment on function private.send(uuid, text, text, jsonb, text) is 'Puts a message to a user into the outbox and wakes the delivery worker.';
revoke all on function private.send(uuid, text, text, jsonb, text) from public;
