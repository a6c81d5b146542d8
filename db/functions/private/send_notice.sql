-- News of an account. Whoever registers an address that is not theirs can make news as often as they like, and choose
-- words in them, such as the name of a key: so an address gets none before it has been verified.
create or replace function private.send_notice(user_id uuid, template text, payload jsonb default '{}') returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.send(u.id, send_notice.template, u.email, send_notice.payload)
  from app.users u where u.id = send_notice.user_id and u.is_email_verified;
end
$$;
comment on function private.send_notice(uuid, text, jsonb) is 'Tells the owner of an account what happened to it, where the address has been verified.';
revoke all on function private.send_notice(uuid, text, jsonb) from public;
