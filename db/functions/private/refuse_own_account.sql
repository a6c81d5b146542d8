-- For one's own account the same thing takes the password, or time to pass: else a borrowed session of an administrator
-- would take the owner's second factor off, make a key that outlives it, or guess at the password without end.
create or replace function private.refuse_own_account(user_id uuid) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_own_account.user_id = private.current_user_id() and not private.is_dba() then
    perform private.fail('own_account');
  end if;
end
$$;
comment on function private.refuse_own_account(uuid) is 'Raises own_account if that user is the one of this request; operators have shown who they are.';
revoke all on function private.refuse_own_account(uuid) from public;
