-- Bounded, and around whatever somebody else holds: cleaning up never makes a login wait.
create or replace function private.delete_some(relation regclass, condition text, before timestamptz, max_rows integer) returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows bigint;
begin
  execute format(
    'delete from %1$s where ctid = any (array(select t.ctid from %1$s t where %2$s limit $2 for update skip locked))',
    relation, condition)
  using before, max_rows;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
comment on function private.delete_some(regclass, text, timestamptz, integer) is 'Deletes at most so many rows that fit a condition on $1, leaving locked ones for the next time; returns how many.';
revoke all on function private.delete_some(regclass, text, timestamptz, integer) from public;
