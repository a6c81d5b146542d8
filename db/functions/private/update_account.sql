-- One's own change and the administrator's are the same; row-level security or the caller decides whose account.
-- `present` tells a field that was left out from one that was set to null, which clears it.
create or replace function private.update_account(
  user_id uuid, present text[], username text, first_name text, last_name text, phone text, locale text,
  avatar_url text, metadata jsonb)
returns api.user
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_constraint text;
begin
  if octet_length(update_account.metadata::text) > 8192 then
    perform private.fail('metadata_too_large');
  end if;
  if update_account.username is not null then
    update app.users u set username = update_account.username where u.id = update_account.user_id;
  end if;
  update app.user_profiles p set
    first_name = case when 'first_name' = any (present) then update_account.first_name else p.first_name end,
    last_name  = case when 'last_name'  = any (present) then update_account.last_name  else p.last_name end,
    phone      = case when 'phone'      = any (present) then update_account.phone      else p.phone end,
    locale     = coalesce(update_account.locale, p.locale),
    avatar_url = case when 'avatar_url' = any (present) then update_account.avatar_url else p.avatar_url end,
    metadata   = coalesce(update_account.metadata, p.metadata)
  where p.user_id = update_account.user_id;
  return private.load_user(update_account.user_id);
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.fail(private.taken_code(v_constraint));
end
$$;
comment on function private.update_account(uuid, text[], text, text, text, text, text, text, jsonb) is 'Changes the fields of an account that were present and returns it; raises username_taken, metadata_too_large.';
revoke all on function private.update_account(uuid, text[], text, text, text, text, text, text, jsonb) from public;
grant execute on function private.update_account(uuid, text[], text, text, text, text, text, text, jsonb) to roster_user, roster_dba;
