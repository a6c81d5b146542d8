-- Nobody waits for it: it reads and appends, and where somebody else seals already it has nothing to do. It locks the
-- chain itself, which nobody else may: an advisory lock anybody with a login could take, and hold.
create or replace function audit.seal(at timestamptz, max_rows integer) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_batch integer;
  v_rows  integer := 0;
begin
  begin
    lock table audit.seals in share row exclusive mode nowait;
  exception
    when lock_not_available then
      return jsonb_build_object('rows', 0, 'more', false);
  end;
  loop
    v_batch := audit.seal_batch(seal.at, least(10000, seal.max_rows - v_rows));
    v_rows := v_rows + v_batch;
    exit when v_batch = 0 or v_rows >= seal.max_rows;
  end loop;
  return jsonb_build_object('rows', v_rows, 'more', v_rows >= seal.max_rows);
end
$$;
comment on function audit.seal(timestamptz, integer) is 'Seals finished rows in batches, at most so many; returns how many, and whether there may be more.';
revoke all on function audit.seal(timestamptz, integer) from public;
grant execute on function audit.seal(timestamptz, integer) to roster_owner;
