-- Accounts from elsewhere keep their hashes and pass the same rules as any other; a bcrypt hash is replaced at the
-- first login. A hash that would keep the service busy for seconds is refused: whoever knows the address could do that.
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
  elsif import_user.email is null or import_user.username is null then
    raise exception using
      errcode = 'not_null_violation',
      column = case when import_user.email is null then 'email' else 'username' end,
      message = 'An account needs an email address and a username.',
      hint = 'Give both; whatever else is left out or null has its default.';
  elsif octet_length(import_user.metadata::text) > 8192 then
    perform private.fail('metadata_too_large');
  elsif substring(import_user.password_hash from '^\$2.\$(\d+)')::integer > 15  -- cost of bcrypt: 2 seconds
    or substring(import_user.password_hash from '\$m=(\d+)')::integer > 262144  -- KiB
    or substring(import_user.password_hash from ',t=(\d+)')::integer > 10       -- passes
  then
    perform private.fail('hash_too_costly');
  end if;
  v_account := private.create_account(
    import_user.email, import_user.username, import_user.password_hash, import_user.first_name, import_user.last_name,
    import_user.phone, coalesce(import_user.locale, 'en'), coalesce(import_user.is_email_verified, false),
    coalesce(import_user.metadata, '{}'));
  perform audit.record_event('account.imported', v_account.id);
  return v_account.id;
end
$$;
comment on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) is 'Makes an account with an existing hash (bcrypt of cost 12 to 15; Argon2id of at most 256 MiB and 10 passes) or none; raises email_taken, username_taken, metadata_too_large, hash_too_costly.';
revoke all on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) from public;
grant execute on function admin.import_user(app.email, app.username, app.password_hash, app.person_name, app.person_name, app.phone, app.locale, boolean, app.metadata) to roster_dba;
