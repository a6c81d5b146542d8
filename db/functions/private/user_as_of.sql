-- Present rows with every later change undone. Of an erased person the log has no values, and nothing is guessed.
create or replace function private.user_as_of(id uuid, at timestamptz) returns api.user_history
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user    api.user_history;
  v_account jsonb;
  v_profile jsonb;
begin
  select r.content into v_account
  from audit.rows_as_of('users', user_as_of.id, (
    select coalesce(jsonb_object_agg(u.id, to_jsonb(u) - '{password_hash,has_short_password}'::text[]), '{}')
    from app.users u where u.id = user_as_of.id), user_as_of.at) r;
  if v_account is null or (v_account ->> 'created_at')::timestamptz > user_as_of.at then
    perform private.fail('not_found');
  end if;
  select e.erased_at into v_user.erased_at from app.erasures e where e.user_id = user_as_of.id;
  if v_user.erased_at is not null then
    v_user.id := user_as_of.id;
    v_user.at := user_as_of.at;
    v_user.created_at := (v_account ->> 'created_at')::timestamptz;
    v_user.status := case when v_user.erased_at <= user_as_of.at then 'deleted' end;
    return v_user;
  end if;
  select r.content into v_profile
  from audit.rows_as_of('user_profiles', user_as_of.id, (
    select coalesce(jsonb_object_agg(p.user_id, to_jsonb(p)), '{}')
    from app.user_profiles p where p.user_id = user_as_of.id), user_as_of.at) r;
  v_user := jsonb_populate_record(v_user, coalesce(v_profile, '{}') || v_account);
  v_user.at := user_as_of.at;
  select r.roles, r.permissions into v_user.roles, v_user.permissions from private.roles_as_of(user_as_of.id, user_as_of.at) r;
  v_user.consents := array(
    select (n.content ->> 'purpose', n.content ->> 'is_granted', n.content ->> 'text_version', n.content ->> 'created_at')::api.consent
    from (select distinct on (c.content ->> 'purpose') c.content
          from audit.rows_as_of('consents', user_as_of.id, (
            select coalesce(jsonb_object_agg(c.id, to_jsonb(c)), '{}')
            from app.consents c where c.user_id = user_as_of.id), user_as_of.at) c
          order by c.content ->> 'purpose', (c.content ->> 'created_at')::timestamptz desc, c.content ->> 'id' desc) n
    order by n.content ->> 'purpose');
  return v_user;
end
$$;
comment on function private.user_as_of(uuid, timestamptz) is 'An account with its profile, roles and consents as it was at a time; raises not_found if there was none.';
revoke all on function private.user_as_of(uuid, timestamptz) from public;
