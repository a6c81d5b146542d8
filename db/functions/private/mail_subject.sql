-- Counters outlive the moment, so they name nobody.
create or replace function private.mail_subject(recipient text, kind text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return 'recipient ' || private.base64url(private.keyed_digest(concat_ws(' ', 'mail', kind, private.fold(mail_subject.recipient))));
end
$$;
comment on function private.mail_subject(text, text) is 'Under which subject app.rate_limits counts the messages of a kind to somebody.';
revoke all on function private.mail_subject(text, text) from public;
