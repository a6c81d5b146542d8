create or replace function private.account_words(email text, username text) returns tsvector
language sql
immutable
parallel safe
as $$
  select pg_catalog.array_to_tsvector(private.words(coalesce(account_words.email, '') || ' ' || coalesce(account_words.username, '')))
$$;
comment on function private.account_words(text, text) is 'Words by which a search finds an account: of its address and its username.';
revoke all on function private.account_words(text, text) from public;
grant execute on function private.account_words(text, text) to roster_user, roster_dba;
