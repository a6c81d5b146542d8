-- Of the address only what is before the @: the words of a few large providers would find everybody.
create or replace function private.account_words(email text, username text) returns tsvector
language sql
immutable
parallel safe
as $$
  select pg_catalog.array_to_tsvector(private.words(pg_catalog.split_part(account_words.email, '@', 1) || ' ' || account_words.username))
$$;
comment on function private.account_words(text, text) is 'Words by which a search finds an account: of its username and the local part of its address, both folded.';
revoke all on function private.account_words(text, text) from public;
grant execute on function private.account_words(text, text) to roster_user, roster_dba;
