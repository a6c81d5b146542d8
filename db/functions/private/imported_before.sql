-- The same row may come again, after a crash or with next week's file. A person who has deleted the account since is
-- not brought back by that.
create or replace function private.imported_before(email_key text, username_key text, out code text, out user_id uuid)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select case when u.deleted_at is null then 'exists' else 'deleted' end, u.id into code, user_id
  from app.users u
  where u.email_key collate "C" = imported_before.email_key and u.username_key = imported_before.username_key
  order by u.deleted_at desc nulls first
  limit 1;
end
$$;
comment on function private.imported_before(text, text) is 'Whether there is an account with both keys: exists while it lives, deleted, or null.';
revoke all on function private.imported_before(text, text) from public;
