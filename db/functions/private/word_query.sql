-- A word of a tsquery has at most 2046 bytes, and one that is said twice would be looked for twice.
-- The words hold neither quotes nor operators, so nothing in them is read as syntax.
create or replace function private.word_query(value text) returns tsquery
language sql
immutable
parallel safe
as $$
  select pg_catalog.string_agg(distinct '''' || pg_catalog.left(w, 500) || ''':*', ' & ')::pg_catalog.tsquery from pg_catalog.unnest(private.words(private.fold(word_query.value))) w
$$;
comment on function private.word_query(text) is 'Finds what has, for each word of the value, one that starts with it; null without a word.';
revoke all on function private.word_query(text) from public;
