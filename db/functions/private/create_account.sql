-- Registration, invitation and import make accounts the same way. Two people may send the same address at the same
-- moment: the unique index decides, not a look beforehand. An address is kept in its plain form: else whoever registers it
-- in another, where no mail arrives, keeps its owner out for good.
create or replace function private.create_account(
  email text, username text, password_hash text, first_name text, last_name text, phone text, locale text,
  is_email_verified boolean default false, metadata jsonb default '{}')
returns app.users
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account    app.users;
  v_constraint text;
begin
  insert into app.users (email, username, password_hash, password_changed_at, is_email_verified, status)
  values (private.plain_address(create_account.email), create_account.username, create_account.password_hash,
          case when create_account.password_hash is not null then private.now() end,
          create_account.is_email_verified, case when create_account.is_email_verified then 'active' else 'inactive' end)
  returning * into v_account;
  insert into app.user_profiles (user_id, first_name, last_name, phone, locale, metadata)
  values (v_account.id, create_account.first_name, create_account.last_name, create_account.phone, create_account.locale,
          create_account.metadata);
  insert into app.user_roles (user_id, role_id) select v_account.id, r.id from app.roles r where r.name = 'user';
  return v_account;
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.fail(private.taken_code(v_constraint));
end
$$;
comment on function private.create_account(text, text, text, text, text, text, text, boolean, jsonb) is 'Makes an account with its profile and the role user; raises email_taken, username_taken, email_unacceptable.';
revoke all on function private.create_account(text, text, text, text, text, text, text, boolean, jsonb) from public;
