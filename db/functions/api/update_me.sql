-- `present` tells a field that was left out from one that was set to null, which clears it.
create or replace function api.update_me(
  present text[],
  username app.username default null,
  first_name app.person_name default null,
  last_name app.person_name default null,
  phone app.phone default null,
  locale app.locale default null,
  avatar_url app.web_url default null,
  metadata app.metadata default null,
  if_match text default null)
returns api.user
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id    uuid := private.lock_own_account();
  v_user       api.user;
  v_constraint text;
begin
  perform private.check_match(if_match, (private.load_user(v_user_id)).version);
  if octet_length(update_me.metadata::text) > 8192 then
    perform private.fail('metadata_too_large');
  end if;
  if update_me.username is not null then
    update app.users u set username = update_me.username where u.id = v_user_id;
  end if;
  update app.user_profiles p set
    first_name = case when 'first_name' = any (present) then update_me.first_name else p.first_name end,
    last_name  = case when 'last_name'  = any (present) then update_me.last_name  else p.last_name end,
    phone      = case when 'phone'      = any (present) then update_me.phone      else p.phone end,
    locale     = coalesce(update_me.locale, p.locale),
    avatar_url = case when 'avatar_url' = any (present) then update_me.avatar_url else p.avatar_url end,
    metadata   = coalesce(update_me.metadata, p.metadata)
  where p.user_id = v_user_id;
  v_user := private.load_user(v_user_id);
  perform private.set_header('ETag', format('"%s"', v_user.version));
  return v_user;
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.fail(private.taken_code(v_constraint));
end
$$;
comment on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) is $$
@http PATCH /v1/me
@errors username_taken precondition_failed metadata_too_large

Change the signed-in user's own data.

Only the fields that are sent change; null clears a field that can be empty. With `If-Match` the change is made only
to the version that was read.
$$;
revoke all on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) from public;
grant execute on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) to roster_user;
