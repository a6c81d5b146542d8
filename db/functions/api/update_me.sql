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
  v_user_id uuid := private.lock_own_account();
begin
  perform private.check_match(if_match, (private.load_user(v_user_id)).version);
  return private.update_account(
    v_user_id, present, update_me.username, update_me.first_name, update_me.last_name, update_me.phone,
    update_me.locale, update_me.avatar_url, update_me.metadata);
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
