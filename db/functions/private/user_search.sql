-- Each branch goes through an index of its own; those by prefix come first, since they know soon that there are many.
create or replace function private.user_search() returns text
language sql
immutable
as $$
  select
    'select u.id from app.users u where u.email_key collate "C" like $8'
    ' union all select u.id from app.users u where u.username_key collate "C" like $8'
    ' union all select u.id from app.users u where private.account_words(u.email_key, u.username_key) @@ $9'
    ' union all select p.user_id from app.user_profiles p where private.name_words(p.first_name, p.last_name) @@ $9'
$$;
comment on function private.user_search() is 'The accounts that fit a search, some more than once: $8 prefix, $9 words.';
revoke all on function private.user_search() from public;
