-- One generic trigger for every table: what changed, old and new, never a secret.
-- Arguments: the column that names the user, the columns of the key (comma-separated),
-- the secret columns, and the columns whose change alone is no event.
create or replace function audit.tg__record_change() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old     jsonb := to_jsonb(old);
  v_new     jsonb := to_jsonb(new);
  v_row     jsonb := coalesce(v_new, v_old);
  v_key     text := v_row ->> tg_argv[1];
  v_secrets text[] := string_to_array(tg_argv[2], ',');
  v_changed text[];
begin
  if tg_op = 'UPDATE' then
    v_old := v_old - string_to_array(tg_argv[3], ',');
    v_new := v_new - string_to_array(tg_argv[3], ',');
    if v_old = v_new then
      return null;
    end if;
    select array_agg(n.key order by n.key), jsonb_object_agg(n.key, v_old -> n.key), jsonb_object_agg(n.key, n.value)
    into v_changed, v_old, v_new
    from jsonb_each(v_new) n
    where n.value <> v_old -> n.key;
  end if;
  if v_key is null then
    v_key := (select string_agg(v_row ->> k, ',') from unnest(string_to_array(tg_argv[1], ',')) k);
  end if;
  if not audit.append(
    tg_table_name || case tg_op when 'INSERT' then '.inserted' when 'UPDATE' then '.updated' else '.deleted' end,
    tg_table_name::text, v_key, (v_row ->> tg_argv[0])::uuid, v_changed, v_old - v_secrets, v_new - v_secrets, null) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'The audit log did not take its row, so nothing happens.',
      hint = 'Something swallows rows of audit.audit_logs; pgroster doctor names it.';
  end if;
  return null;
end
$$;
comment on function audit.tg__record_change() is 'Appends one row to the audit log for each changed row of the table that it watches.';
revoke all on function audit.tg__record_change() from public;
grant execute on function audit.tg__record_change() to roster_owner;
