-- An administrator corrects what a person cannot; the address changes only by its owner's verification.
create or replace function api.update_user(
  id uuid,
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
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version bigint;
begin
  perform private.authorize('api.update_user(uuid,text[],app.username,app.person_name,app.person_name,app.phone,app.locale,app.web_url,app.metadata,text)');
  perform private.check_outranks(update_user.id);
  select u.version into v_version from app.users u where u.id = update_user.id and u.deleted_at is null;
  if v_version is null then
    perform private.fail('not_found');
  end if;
  perform private.check_match(if_match, v_version);
  return private.update_account(
    update_user.id, present, update_user.username, update_user.first_name, update_user.last_name, update_user.phone,
    update_user.locale, update_user.avatar_url, update_user.metadata);
end
$$;
comment on function api.update_user(uuid, text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) is $$
@http PATCH /v1/users/{id}
@permission users:write
@errors not_found username_taken precondition_failed metadata_too_large above_own_permissions

Change an account's data.

Only the fields that are sent change; null clears a field that can be empty.
$$;
revoke all on function api.update_user(uuid, text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) from public;
grant execute on function api.update_user(uuid, text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text) to roster_user;
