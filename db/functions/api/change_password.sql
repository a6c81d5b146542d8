-- Whoever knew the old password is signed out, and tokens on their way by mail are void.
create or replace function api.change_password(new_password_hash app.password_hash, verified_hash app.password_hash default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.reauthenticate(verified_hash);
begin
  if v_user_id is null then
    return;
  elsif new_password_hash is null then
    perform private.fail('password_missing');
  end if;
  update app.users u set password_hash = new_password_hash, password_changed_at = private.now() where u.id = v_user_id;
  perform private.forget_failed_logins(v_user_id);
  perform private.end_sessions(v_user_id, 'password_changed', private.current_session_id());
  perform private.revoke_mailed_tokens(v_user_id);
  perform private.send_notice(v_user_id, 'password_changed');
  perform audit.record_event('password.changed', v_user_id);
end
$$;
comment on function api.change_password(app.password_hash, app.password_hash) is $$
@http POST /v1/me/password
@errors reauthentication_failed password_unacceptable
@verify current_password into verified_hash using http.own_hash()
@hash new_password into new_password_hash avoiding http.own_rules()

Change the signed-in user's password.

All other sessions end, reset links that were mailed before stop working, and the person is told by mail.
$$;
revoke all on function api.change_password(app.password_hash, app.password_hash) from public;
grant execute on function api.change_password(app.password_hash, app.password_hash) to roster_user;
