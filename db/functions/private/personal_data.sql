-- Art. 15 says everything, so the tables are found by their foreign keys and none can be forgotten. Secrets are left
-- out by their types: a digest tells a person nothing, and a token on its way by mail would serve whoever has the session.
create or replace function private.personal_data(user_id uuid) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
  v_rows  jsonb;
  v_data  jsonb := '{}'::jsonb;
begin
  for v_table in select t.relation, t.predicate, t.columns from private.personal_tables() t loop
    execute format('select coalesce(jsonb_agg(to_jsonb(r)), ''[]'') from (select %s from %s t where %s) r',
                   v_table.columns, v_table.relation, v_table.predicate)
    into v_rows using personal_data.user_id;
    v_data := v_data || jsonb_build_object((select c.relname from pg_class c where c.oid = v_table.relation), v_rows);
  end loop;
  return v_data;
end
$$;
comment on function private.personal_data(uuid) is 'All rows about a user, by table, without secrets.';
revoke all on function private.personal_data(uuid) from public;
