-- Operators are known to the database by their own login. The setting `role` tells the role of the whole
-- statement also inside a function that runs with its owner's rights, and only a member can set it.
create or replace function private.is_dba() returns boolean
language sql
stable
as $$
  select pg_catalog.pg_has_role(
    coalesce(nullif(pg_catalog.current_setting('role'), 'none'), session_user)::pg_catalog.name, 'roster_dba', 'member')
$$;
comment on function private.is_dba() is 'Whether the statement runs as a database operator (a member of roster_dba) rather than for a request.';
revoke all on function private.is_dba() from public;
grant execute on function private.is_dba() to roster_user, roster_anonymous, roster_dba;
