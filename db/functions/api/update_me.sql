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
  if_match text default null,
  verified_step app.totp_step default null,
  recovery_code app.recovery_code default null)
returns api.user
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
begin
  if 'phone' = any (present) and not private.show_second_factor(verified_step, update_me.recovery_code) then
    return null;
  end if;
  perform private.check_match(if_match, (private.load_user(v_user_id)).version);
  return private.update_account(
    v_user_id, present, update_me.username, update_me.first_name, update_me.last_name, update_me.phone,
    update_me.locale, update_me.avatar_url, update_me.metadata);
end
$$;
comment on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text, app.totp_step, app.recovery_code) is $$
@http PATCH /v1/me
@errors username_taken precondition_failed metadata_too_large second_factor_failed code_missing
@totp code into verified_step using http.own_totp()

Change the signed-in user's own data.

Only the fields that are sent change; null clears a field that can be empty. With `If-Match` the change is made only
to the version that was read.

Where there is a second factor a change of `phone` takes a `code` or a `recovery_code` of it.
$$;
revoke all on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text, app.totp_step, app.recovery_code) from public;
grant execute on function api.update_me(text[], app.username, app.person_name, app.person_name, app.phone, app.locale, app.web_url, app.metadata, text, app.totp_step, app.recovery_code) to roster_user;
