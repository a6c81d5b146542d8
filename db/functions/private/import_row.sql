-- A mistake in a row is told, and undone with that row only. No message repeats a value: with columns in the wrong
-- order any of them may be a hash.
create or replace function private.import_row(
  content text, out code text, out message text, out user_id uuid, out email_key text, out username_key text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_fields constant text[] := (select p.proargnames from pg_proc p where p.oid = 'admin.import_user'::regproc);
  v_row             jsonb;
  v_field           text := 'row';
  v_type            text;
  v_email           app.email;
  v_username        app.username;
  v_password_hash   app.password_hash;
  v_first_name      app.person_name;
  v_last_name       app.person_name;
  v_phone           app.phone;
  v_locale          app.locale;
  v_is_verified     boolean;
  v_metadata        app.metadata;
begin
  v_row := content::jsonb;
  select f.key into v_field from jsonb_each(v_row) f
  where f.key <> all (c_fields) or (jsonb_typeof(f.value) in ('object', 'array') and f.key <> 'metadata');
  if found then
    raise invalid_parameter_value;
  end if;
  v_field := 'email';             v_email         := v_row ->> v_field;
  v_field := 'username';          v_username      := v_row ->> v_field;
  v_field := 'password_hash';     v_password_hash := v_row ->> v_field;
  v_field := 'first_name';        v_first_name    := v_row ->> v_field;
  v_field := 'last_name';         v_last_name     := v_row ->> v_field;
  v_field := 'phone';             v_phone         := v_row ->> v_field;
  v_field := 'locale';            v_locale        := coalesce(v_row ->> v_field, 'en');
  v_field := 'is_email_verified'; v_is_verified   := coalesce(v_row ->> v_field, 'false')::boolean;
  v_field := 'metadata';          v_metadata      := coalesce(v_row ->> v_field, '{}');
  email_key := private.fold(v_email);
  username_key := private.fold(v_username);
  select b.code, b.user_id into code, user_id from private.imported_before(email_key, username_key) b;
  if code is null then
    user_id := admin.import_user(
      v_email, v_username, v_password_hash, v_first_name, v_last_name, v_phone, v_locale, v_is_verified, v_metadata);
    code := 'imported';
  end if;
exception
  when sqlstate 'UM409' or sqlstate 'UM422' then
    -- Another import may have been faster.
    select b.code, b.user_id into code, user_id from private.imported_before(email_key, username_key) b;
    if code is distinct from 'exists' then
      get stacked diagnostics code = pg_exception_detail, message = message_text;
      user_id := null;
    end if;
  when not_null_violation then
    get stacked diagnostics v_field = column_name;
    code := 'invalid';
    message := v_field || ': Missing.';
  when data_exception or check_violation or program_limit_exceeded then
    get stacked diagnostics v_type = pg_datatype_name;
    code := 'invalid';
    message := left(v_field, 64) || ': ' || private.expected_value(v_field, v_type);
end
$$;
comment on function private.import_row(text) is 'Imports one person, a JSON object with the arguments of admin.import_user, and says what came of it.';
revoke all on function private.import_row(text) from public;
