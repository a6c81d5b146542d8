-- The filters vary too much for one plan: each combination is composed, from fixed pieces only, and planned for itself.
-- Few matches are found by the indexes first and sorted; of many, the first in order are soon met by going through in order.
create or replace function private.find_users(
  q text, status text, role text, created_after timestamptz, created_before timestamptz, include_deleted boolean,
  sort text, after jsonb, max_rows integer, is_counted boolean default false, out places jsonb, out estimate bigint)
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
  v_prefix  text := private.fold(replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_')) || '%';
  v_words   tsquery := case when q is not null then private.word_query(q) end;
  v_few     integer := 10000;
  v_matches uuid[];
begin
  if q is not null then
    execute 'select array(select m.id from ('
      || 'select u.id from app.users u where u.email_key collate "C" like $1'
      || ' union all select u.id from app.users u where u.username_key collate "C" like $1'
      || ' union all select u.id from app.users u where private.account_words(u.email_key, u.username_key) @@ $2'
      || ' union all select p.user_id from app.user_profiles p where private.name_words(p.first_name, p.last_name) @@ $2) m limit $3)'
    into v_matches using v_prefix, v_words, v_few + 1;
    v_matches := case when cardinality(v_matches) <= v_few then v_matches end;
  end if;
  execute
    'select coalesce(jsonb_agg(jsonb_build_array(f.key, f.id) order by f.n), ''[]'') from (select x.*, row_number() over () as n from ('
    || format('select %s as key, u.id from app.users u where true', v_key)
    || private.user_filter(v_matches is not null, q is not null, find_users.status is not null, include_deleted, role is not null,
                           created_after is not null, created_before is not null)
    || case when after is not null then
         format(' and (%s, u.id) %s (($6 ->> 0)::%s, ($6 ->> 1)::uuid)', v_key, case when v_desc then '<' else '>' end, v_type) else '' end
    || format(' order by %s %s, u.id %2$s limit $7) x) f', v_key, case when v_desc then 'desc' else 'asc' end)
  into places
  using v_matches, find_users.status, role, created_after, created_before, after, max_rows, v_prefix, v_words;
  if is_counted and after is null and jsonb_array_length(places) < max_rows then
    estimate := jsonb_array_length(places)::bigint;
  elsif is_counted then
    estimate := greatest(jsonb_array_length(places), private.estimate_users(
      v_matches, find_users.status, role, created_after, created_before, include_deleted, v_prefix, v_words));
  end if;
end
$$;
comment on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer, boolean) is 'Positions [sort key, id] of the accounts that fit, after a position, in order; is_counted: and about how many fit in all.';
revoke all on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer, boolean) from public;
