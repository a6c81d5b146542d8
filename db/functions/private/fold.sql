-- Addresses and names are compared and ordered by this key; what the person typed is kept beside it. A sigma at the end
-- of a word is the one letter that lower() leaves in two forms, a capital I with its dot the one that some make an i of.
-- The full stop of Chinese and Japanese is a dot in a domain (RFC 5895, 2).
create or replace function private.fold(value text) returns text
language sql
immutable
strict
parallel safe
as $$
  select pg_catalog.translate(
    pg_catalog.lower(pg_catalog.replace(pg_catalog.normalize(fold.value, 'NFKC'), E'\u0130', E'i\u0307')), 'ς。', 'σ.')
$$;
comment on function private.fold(text) is 'The value in compatibility form (Unicode NFKC) and simply case-folded.';
revoke all on function private.fold(text) from public;
grant execute on function private.fold(text) to roster_anonymous, roster_user, roster_dba;
