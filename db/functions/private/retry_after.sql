-- Doubling waits spare a server that is in trouble; the end comes when whatever was promised in the message is over.
create or replace function private.retry_after(attempts integer) returns interval
language sql
immutable
as $$
  select case when attempts < 15 then least(interval '30 seconds' * 2 ^ (attempts - 1), interval '6 hours') end
$$;
comment on function private.retry_after(integer) is 'How long to wait after that many failed attempts to deliver a message: half a minute, doubling to six hours. Null: not again, a day and a half have passed.';
revoke all on function private.retry_after(integer) from public;
