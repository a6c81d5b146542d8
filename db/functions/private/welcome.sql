-- What follows from a registration that worked: the consent on record, the mail that verifies the address. It is limited
-- like any other, since an address can be registered, deleted and registered again.
create or replace function private.welcome(account app.users) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.declare_consent(account.id, 'data_processing', true);
  if private.count_mail(account.email, kind => 'registration') then
    perform private.send_email_verification(account.id, account.email);
  end if;
  perform audit.record_event('account.registered', account.id);
end
$$;
comment on function private.welcome(app.users) is 'Records the consent of a newly registered account and mails its verification.';
revoke all on function private.welcome(app.users) from public;
