-- An address that changes takes with it what was mailed to the old one, and the old one is told. A second factor that was
-- there before anybody had shown that the address is theirs may be a stranger's who registered it: it would keep out for
-- good who reads the mail, also after a reset of the password.
create or replace function private.confirm_email(account app.users, email text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_change boolean := private.fold(account.email) <> private.fold(confirm_email.email);
begin
  if v_is_change then
    perform private.revoke_mailed_tokens(account.id);
    perform private.send_notice(account.id, 'email_changed', jsonb_build_object('new_email', confirm_email.email));
  end if;
  perform audit.record_event(case when v_is_change then 'email.changed' else 'email.verified' end, account.id);
  update app.users u set
    email = confirm_email.email,
    is_email_verified = true,
    status = case when u.status = 'inactive' then 'active' else u.status end
  where u.id = account.id;
  if not account.is_email_verified then
    perform private.remove_second_factor(account);
  end if;
exception
  when unique_violation then
    perform private.fail('email_taken');
end
$$;
comment on function private.confirm_email(app.users, text) is 'Puts a verified address into effect and activates an inactive account; raises email_taken.';
revoke all on function private.confirm_email(app.users, text) from public;
