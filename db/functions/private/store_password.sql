-- What is too short to be the only factor is remembered, since nobody can tell later from a hash; and refused where the
-- factor has gone while the password was being hashed.
create or replace function private.store_password(user_id uuid, password_hash text, is_short boolean) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if is_short and not private.has_second_factor(store_password.user_id) then
    perform private.fail('password_unacceptable');
  end if;
  update app.users u set
    password_hash = store_password.password_hash, has_short_password = coalesce(is_short, false), password_changed_at = private.now()
  where u.id = store_password.user_id;
end
$$;
comment on function private.store_password(uuid, text, boolean) is 'Gives an account, whose row the caller has locked, a new password; raises password_unacceptable.';
revoke all on function private.store_password(uuid, text, boolean) from public;
