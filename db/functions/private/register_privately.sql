-- The owner of a taken address learns by mail what the caller must not learn. A taken username can be told: names are
-- public, addresses are not.
create or replace function private.register_privately(
  email text, username text, password_hash text, first_name text, last_name text, phone text, locale text)
returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner uuid := private.find_user(register_privately.email);
begin
  if v_owner is null then
    perform private.welcome(private.create_account(
      register_privately.email, register_privately.username, register_privately.password_hash,
      register_privately.first_name, register_privately.last_name, register_privately.phone, register_privately.locale));
  elsif private.find_user(register_privately.username) is not null then
    perform private.fail('username_taken');
  elsif private.count_mail(v_owner) then
    perform private.send(v_owner, 'email_already_used', register_privately.email);
  end if;
  perform set_config('response.status', '202', true);
  return null;
end
$$;
comment on function private.register_privately(text, text, text, text, text, text, text) is 'Registers without telling whether the address was taken: answers 202 with no body in both cases.';
revoke all on function private.register_privately(text, text, text, text, text, text, text) from public;
