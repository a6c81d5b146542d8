-- A request that was let in just before its person was erased may have written of them just after. None lasts a minute,
-- so whoever looks then finds the last of it.
create or replace function private.erase_leftovers(max_rows integer) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := private.now();
  v_erasure app.erasures;
  v_checked integer := 0;
begin
  for v_erasure in
    select e.* from app.erasures e
    where e.checked_at is null and e.erased_at < v_now - interval '1 minute'
    order by e.erased_at limit erase_leftovers.max_rows
    for update skip locked
  loop
    perform private.remove_personal_rows(v_erasure.user_id);
    perform audit.erase_person(v_erasure.user_id);
    update app.erasures e set checked_at = v_now where e.id = v_erasure.id;
    v_checked := v_checked + 1;
  end loop;
  return v_checked;
end
$$;
comment on function private.erase_leftovers(integer) is 'Looks once more at erasures that are a minute old, at most so many, and removes what was written about the person meanwhile; returns how many it looked at.';
revoke all on function private.erase_leftovers(integer) from public;
