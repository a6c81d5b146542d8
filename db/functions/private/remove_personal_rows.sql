-- Everything that refers to the person goes but the account itself and the record of its erasure; what a table added
-- later holds goes with it, since tables are found by their foreign keys.
create or replace function private.remove_personal_rows(user_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table   record;
  v_rows    bigint;
  v_removed jsonb := '{}'::jsonb;
begin
  for v_table in
    select t.relation, t.predicate from private.personal_tables() t
    where t.relation not in ('app.users'::regclass, 'app.erasures'::regclass)
  loop
    execute format('delete from %s t where %s', v_table.relation, v_table.predicate) using remove_personal_rows.user_id;
    get diagnostics v_rows = row_count;
    v_removed := v_removed || jsonb_build_object((select c.relname from pg_class c where c.oid = v_table.relation), v_rows);
  end loop;
  -- Answers that are kept to be given again to others show the person too.
  delete from app.idempotency_keys k where private.ids_in(k.answer::text) @> array[remove_personal_rows.user_id];
  -- Somebody whose registration failed by its username gets a mail that belongs to no account yet, and whoever wants an
  -- address that is taken causes one to its owner.
  delete from app.outbox o using app.users u
  where o.user_id is null and u.id = remove_personal_rows.user_id and private.fold(o.recipient) = u.email_key;
  perform http.fail_message(o.id, o.attempts, 'its recipient was erased', true)
  from app.outbox o join app.users u on private.fold(o.recipient) = u.email_key
  where u.id = remove_personal_rows.user_id and o.next_attempt_at is not null;
  return v_removed;
end
$$;
comment on function private.remove_personal_rows(uuid) is 'Deletes all rows about a user but the account; returns how many of each table.';
revoke all on function private.remove_personal_rows(uuid) from public;
