-- The filters vary too much for one plan: each combination is composed, from fixed pieces only, and planned for itself.
-- Few that fit are fetched and sorted. Of many the first are soon met by going through in order; where they are not,
-- because they come late in that order, all of them are fetched. Offset 0 keeps the planner to it.
create or replace function private.find_users(
  q text, status text, role text, created_after timestamptz, created_before timestamptz, include_deleted boolean,
  sort text, after jsonb, max_rows integer, is_counted boolean default false, out places jsonb, out estimate bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key    text := case ltrim(sort, '-')
    when 'created_at' then 'u.created_at'
    when 'last_login_at' then $q$coalesce(u.last_login_at, '-infinity')$q$
    when 'email' then 'u.email_key collate "C"'
    when 'username' then 'u.username_key collate "C"' end;
  v_type   text := case when ltrim(sort, '-') in ('email', 'username') then 'text' else 'timestamptz' end;
  v_order  text := case when starts_with(sort, '-') then 'desc' else 'asc' end;
  v_prefix text := private.fold(replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_')) || '%';
  v_words  tsquery := case when q is not null then private.word_query(q) end;
  -- By its key the planner knows how many hold it; the one of a role that does not exist is nobody's.
  v_role   uuid := case when role is not null then coalesce((select r.id from app.roles r where r.name = role), '00000000-0000-0000-0000-000000000000') end;
  v_few    record := private.few_users(v_role, created_after, created_before, v_key = 'u.created_at', v_prefix, v_words, 5000);
  v_state  text := case when find_users.status is not null then 'status' when not include_deleted then 'living' end;
  v_times  text[] := array[case when created_after is not null then 'after' end, case when created_before is not null then 'before' end];
  v_rest   text[] := array[case when role is not null then 'role' end] || case when v_key <> 'u.created_at' then v_times end;
  -- What the index in order answers, what is asked of each account, and what finds all that fit.
  v_plain  text := private.user_filter(v_state || case when v_key = 'u.created_at' then v_times end);
  v_each   text := private.user_filter(array_remove(
    v_rest || case when q is not null and v_few.filter is distinct from 'search' then 'matches itself' end, v_few.filter));
  v_all    text := concat(v_plain, private.user_filter(v_rest || case when q is not null then 'matches' end));
  v_after  text := case when after is not null then format(
    ' and (%s, u.id) %s (($6 ->> 0)::%s, ($6 ->> 1)::uuid)', v_key, case v_order when 'desc' then '<' else '>' end, v_type) end;
  v_users  text := format('select %s as key, u.id from app.users u where true', v_key);
  v_query  text;
begin
  foreach v_query in array case
    when v_few.ids is not null then array[concat(v_users, private.user_filter('{one of}'), v_plain, v_each, v_after, ' offset 0')]
    when v_each is null then array[concat(v_users, v_plain, v_after)]
    else array[
      format('select u.key, u.id from (select u.*, %1$s as key from app.users u where true%3$s order by %1$s %2$s, u.id %2$s limit 10000) u'
             ' where true%4$s', v_key, v_order, concat(v_plain, v_after), v_each),
      concat(v_users, v_all, v_after, ' offset 0')] end
  loop
    execute format('select coalesce(jsonb_agg(jsonb_build_array(p.key, p.id)), ''[]'')'
                   ' from (select f.* from (%1$s) f order by f.key %2$s, f.id %2$s limit $7) p', v_query, v_order)
    into places
    using v_few.ids, find_users.status, v_role, created_after, created_before, after, max_rows, v_prefix, v_words, private.now();
    exit when jsonb_array_length(places) = max_rows;
  end loop;
  if is_counted and after is null and jsonb_array_length(places) < max_rows then
    estimate := jsonb_array_length(places)::bigint;
  elsif is_counted then
    estimate := greatest(jsonb_array_length(places), private.estimate_users(
      case when v_few.ids is not null then concat(private.user_filter('{one of}'), v_plain, v_each) else v_all end,
      v_few.ids, find_users.status, v_role, created_after, created_before, v_prefix, v_words));
  end if;
end
$$;
comment on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer, boolean) is 'Positions [sort key, id] of the accounts that fit, after a position, in order; is_counted: and about how many fit in all.';
revoke all on function private.find_users(text, text, text, timestamptz, timestamptz, boolean, text, jsonb, integer, boolean) from public;
