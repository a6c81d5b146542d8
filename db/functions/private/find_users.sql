-- The filters vary too much for one plan: each combination is composed, from fixed pieces only, and planned for itself.
-- Few matches are found by the indexes first and sorted; of many, the first in order are soon met by going through in order.
create or replace function private.find_users(
  q text, status text, role text, created_after timestamptz, created_before timestamptz, include_deleted boolean,
  sort text, after jsonb, max_rows integer) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key  text := case ltrim(sort, '-')
    when 'created_at' then 'u.created_at'
    when 'last_login_at' then $q$coalesce(u.last_login_at, '-infinity')$q$
    when 'email' then 'u.email_key collate "C"'
    when 'username' then 'u.username_key collate "C"' end;
  v_type text := case when ltrim(sort, '-') in ('email', 'username') then 'text' else 'timestamptz' end;
  v_desc boolean := starts_with(sort, '-');
  v_ids  jsonb;
  v_prefix  text := private.fold(replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_')) || '%';
  v_words   tsquery := private.word_query(q);
  v_few     integer := 10000;
  v_matches uuid[];
  v_matching text := '(u.email_key collate "C" like $8 or u.username_key collate "C" like $8 or private.account_words(u.email_key, u.username_key) @@ $9'
    || ' or exists (select from app.user_profiles p where p.user_id = u.id and private.name_words(p.first_name, p.last_name) @@ $9))';
begin
  if q is not null then
    execute 'select array(select m.id from ('
      || 'select u.id from app.users u where u.email_key collate "C" like $1'
      || ' union all select u.id from app.users u where u.username_key collate "C" like $1'
      || ' union all select u.id from app.users u where private.account_words(u.email_key, u.username_key) @@ $2'
      || ' union all select p.user_id from app.user_profiles p where private.name_words(p.first_name, p.last_name) @@ $2) m limit $3)'
    into v_matches using v_prefix, v_words, v_few + 1;
  end if;
  execute
    'select coalesce(jsonb_agg(jsonb_build_array(f.key, f.id) order by f.n), ''[]'') from (select x.*, row_number() over () as n from ('
    || format('select %s as key, u.id from app.users u where true', v_key)
    || case when find_users.status is not null then ' and u.status = $2' when not include_deleted then ' and u.deleted_at is null' else '' end
    || case when cardinality(v_matches) <= v_few then ' and u.id = any ($1)' when q is not null then ' and ' || v_matching else '' end
    || case when role is not null then
         ' and exists (select from app.user_roles ur join app.roles r on r.id = ur.role_id'
         || ' where ur.user_id = u.id and r.name = $3 and (ur.expires_at is null or ur.expires_at > private.now()))' else '' end
    || case when created_after is not null then ' and u.created_at >= $4' else '' end
    || case when created_before is not null then ' and u.created_at < $5' else '' end
    || case when after is not null then
         format(' and (%s, u.id) %s (($6 ->> 0)::%s, ($6 ->> 1)::uuid)', v_key, case when v_desc then '<' else '>' end, v_type) else '' end
    || format(' order by %s %s, u.id %2$s limit $7) x) f', v_key, case when v_desc then 'desc' else 'asc' end)
  into v_ids
  using v_matches, find_users.status, role, created_after, created_before, after, max_rows, v_prefix, v_words;
  return v_ids;
end
$$;
comment on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer) is 'Positions [sort key, id] of the accounts that fit, after a position, in order.';
revoke all on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer) from public;
