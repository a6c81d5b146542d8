-- What is searched and what is searched for are cut alike. Cut at ASCII's punctuation only: what is a letter further up
-- depends on the locale, and an index may not. Not strict, so that PostgreSQL can put it inline.
create or replace function private.words(folded text) returns text[]
language sql
immutable
parallel safe
as $$
  select pg_catalog.array_remove(pg_catalog.regexp_split_to_array(words.folded, '[^a-z0-9\u0080-\U0010ffff]+'), '')
$$;
comment on function private.words(text) is 'The words of a folded text, in order.';
revoke all on function private.words(text) from public;
grant execute on function private.words(text) to roster_user, roster_dba;
