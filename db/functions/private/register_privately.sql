-- The owner of a taken address learns by mail what the caller must not learn. The username is taken either way: whoever
-- registers somebody's address and then tries the name with an address of their own, or in their own account, would
-- otherwise see whether the first time made an account.
create or replace function private.register_privately(
  email text, username text, password_hash text, first_name text, last_name text, phone text, locale text)
returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code  text;
  v_owner uuid;
begin
  perform private.hide_duration('250 ms');  -- more than it takes to hash the password and to make the account
  begin
    perform private.welcome(private.create_account(
      register_privately.email, register_privately.username, register_privately.password_hash,
      register_privately.first_name, register_privately.last_name, register_privately.phone, register_privately.locale));
  exception
    -- The index decides, so that two registrations at the same moment get the same answer too.
    when sqlstate 'UM409' then
      get stacked diagnostics v_code = pg_exception_detail;
  end;
  v_owner := private.find_user(register_privately.email);
  if v_owner is not null and v_code is not null then
    perform private.hold_username(register_privately.username);
  end if;
  if v_code is null or not private.count_mail(register_privately.email) then
    null;
  elsif v_owner is not null then
    perform private.send(v_owner, 'email_already_used', (select u.email from app.users u where u.id = v_owner));
  else
    perform private.send(null, 'username_already_used', private.plain_address(register_privately.email));
  end if;
  perform set_config('response.status', '202', true);
  return null;
end
$$;
comment on function private.register_privately(text, text, text, text, text, text, text) is 'Registers without telling whether the address was taken: answers 202 with no body in both cases.';
revoke all on function private.register_privately(text, text, text, text, text, text, text) from public;
