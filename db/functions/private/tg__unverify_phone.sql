-- What was verified was the old number.
create or replace function private.tg__unverify_phone() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update app.users u set is_phone_verified = false where u.id = new.user_id and u.is_phone_verified;
  return null;
end
$$;
comment on function private.tg__unverify_phone() is 'Takes the verification back when a telephone number changes.';
revoke all on function private.tg__unverify_phone() from public;
