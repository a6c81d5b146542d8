-- Addresses and names are compared and ordered by this key; what the person typed is kept beside it. A sigma at the end
-- of a word is the one letter that lower() leaves in two forms.
create or replace function private.fold(value text) returns text
language sql
immutable
strict
parallel safe
as $$
  select pg_catalog.translate(pg_catalog.lower(pg_catalog.normalize(fold.value, 'NFKC')), 'ς', 'σ')
$$;
comment on function private.fold(text) is 'The value in compatibility form (Unicode NFKC) and simply case-folded.';
revoke all on function private.fold(text) from public;
grant execute on function private.fold(text) to roster_anonymous, roster_user, roster_dba;
