-- An index over it finds the answers that show somebody, of which there may be a day's worth.
create or replace function private.ids_in(value text) returns uuid[]
language sql
immutable
parallel safe
as $$
  select array(
    select distinct m[1]::pg_catalog.uuid
    from pg_catalog.regexp_matches(ids_in.value, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'g') m)
$$;
comment on function private.ids_in(text) is 'The UUIDs that stand in a text.';
revoke all on function private.ids_in(text) from public;
