create or replace function private.name_words(first_name text, last_name text) returns tsvector
language sql
immutable
parallel safe
as $$
  select pg_catalog.array_to_tsvector(private.words(private.fold(coalesce(name_words.first_name, '') || ' ' || coalesce(name_words.last_name, ''))))
$$;
comment on function private.name_words(text, text) is 'Words by which a search finds a person: of the given and the family name.';
revoke all on function private.name_words(text, text) from public;
grant execute on function private.name_words(text, text) to roster_user, roster_dba;
