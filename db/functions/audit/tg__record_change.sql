-- One generic trigger for every table: what changed, old and new, never a secret.
-- Arguments: the column that names the user, the columns of the key (comma-separated),
-- the secret columns, and the columns whose change alone is no event.
create or replace function audit.tg__record_change() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old     jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  v_new     jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  v_row     jsonb := coalesce(v_new, v_old);
  v_secrets text[] := string_to_array(tg_argv[2], ',');
  v_entry   audit.audit_logs;
begin
  if tg_op = 'UPDATE' then
    select array_agg(n.key order by n.key), jsonb_object_agg(n.key, v_old -> n.key), jsonb_object_agg(n.key, n.value)
    into v_entry.changed_fields, v_old, v_new
    from jsonb_each(v_new) n
    where n.value is distinct from v_old -> n.key and n.key <> all (string_to_array(tg_argv[3], ','));
    if v_entry.changed_fields is null then
      return null;
    end if;
  end if;
  v_entry.action := tg_table_name || case tg_op when 'INSERT' then '.inserted' when 'UPDATE' then '.updated' else '.deleted' end;
  v_entry.entity := tg_table_name::text;
  v_entry.entity_id := case
    when strpos(tg_argv[1], ',') = 0 then v_row ->> tg_argv[1]
    else (select string_agg(v_row ->> k, ',') from unnest(string_to_array(tg_argv[1], ',')) k) end;
  v_entry.user_id := (v_row ->> tg_argv[0])::uuid;
  v_entry.old_values := v_old - v_secrets;
  v_entry.new_values := v_new - v_secrets;
  perform audit.append(v_entry);
  return null;
end
$$;
comment on function audit.tg__record_change() is 'Appends one row to the audit log for each changed row of the table that it watches.';
revoke all on function audit.tg__record_change() from public;
grant execute on function audit.tg__record_change() to roster_owner;
