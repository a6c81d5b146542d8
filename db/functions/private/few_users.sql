-- To go through accounts in order until a page is full is quick where many fit, and reads a million where few do. So each
-- filter that may leave few is asked for them first, of its index alone, and gives up when there are more.
create or replace function private.few_users(
  role_id uuid, created_after timestamptz, created_before timestamptz, is_in_time_order boolean, prefix text, words tsquery,
  max_rows integer, out ids uuid[], out filter text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_source text;
begin
  for filter, v_source in
    select f.name, f.source
    from (values
      (1, 'search', case when prefix is not null then private.user_search() end),
      (2, 'role', case when few_users.role_id is not null then
        'select ur.user_id from app.user_roles ur where ur.role_id = $3 and (ur.expires_at is null or ur.expires_at > $10)' end),
      (3, 'time', case when not is_in_time_order and coalesce(created_after, created_before) is not null then
        'select u.id from app.users u where u.created_at >= coalesce($4, ''-infinity'') and u.created_at < coalesce($5, ''infinity'')' end)
      ) f (n, name, source)
    where f.source is not null order by f.n
  loop
    execute format('select array(select * from (%s) f limit $7)', v_source) into ids
    using null::uuid[], null::text, few_users.role_id, created_after, created_before, null::jsonb, max_rows + 1, prefix, words, private.now();
    if cardinality(ids) <= max_rows then
      return;
    end if;
  end loop;
  ids := null;
  filter := null;
end
$$;
comment on function private.few_users(uuid, timestamptz, timestamptz, boolean, text, tsquery, integer) is 'The accounts that one filter of a search leaves, if they are no more than so many, and which filter that is (search, role, time); null where none does.';
revoke all on function private.few_users(uuid, timestamptz, timestamptz, boolean, text, tsquery, integer) from public;
