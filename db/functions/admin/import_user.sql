-- Accounts from elsewhere keep their hashes and pass the same rules as any other; a bcrypt hash is replaced at the
-- first login.
create or replace function admin.import_user(
  email app.email,
  username app.username,
  password_hash app.password_hash default null,
  first_name app.person_name default null,
  last_name app.person_name default null,
  phone app.phone default null,
  locale app.locale default 'en',
  is_email_verified boolean default false,
  metadata app.metadata default '{}')
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  v_account := private.create_account(
    import_user.email, import_user.username, import_user.password_hash, import_user.first_name, import_user.last_name,
    import_user.phone, import_user.locale);
  update app.users u set
    is_email_verified = import_user.is_email_verified,
    status = case when import_user.is_email_verified then 'active' else 'inactive' end
  where u.id = v_account.id and import_user.is_email_verified;
  update app.user_profiles p set metadata = import_user.metadata
  where p.user_id = v_account.id and import_user.metadata <> '{}';
  return v_account.id;
end
$$;
comment on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) is 'Makes an account with an existing Argon2id or bcrypt hash, or none; raises email_taken, username_taken.';
revoke all on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) from public;
grant execute on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) to roster_dba;
