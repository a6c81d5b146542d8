-- What is searched and what is searched for are cut alike. Cut at ASCII's punctuation only: what is a letter further up
-- depends on the locale, and an index may not.
create or replace function private.words(value text) returns text[]
language sql
immutable
strict
parallel safe
as $$
  select pg_catalog.array_remove(pg_catalog.regexp_split_to_array(private.fold(words.value), '[^a-z0-9\u0080-\U0010ffff]+'), '')
$$;
comment on function private.words(text) is 'The words of a text as they are compared, in order.';
revoke all on function private.words(text) from public;
grant execute on function private.words(text) to roster_user, roster_dba;
