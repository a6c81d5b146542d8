-- An administrator never knows a password: the person sets the first one with the mailed token.
create or replace function api.create_user(
  email app.email,
  username app.username,
  first_name app.person_name default null,
  last_name app.person_name default null,
  phone app.phone default null,
  locale app.locale default 'en')
returns api.user
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
begin
  perform private.authorize('api.create_user(app.email,app.username,app.person_name,app.person_name,app.phone,app.locale)');
  v_account := private.create_account(
    create_user.email, create_user.username, null, create_user.first_name, create_user.last_name, create_user.phone, create_user.locale);
  perform private.send_password_token(v_account, 'invitation');
  perform audit.record_event('account.invited', v_account.id);
  return private.load_user(v_account.id);
end
$$;
comment on function api.create_user(app.email, app.username, app.person_name, app.person_name, app.phone, app.locale) is $$
@http POST /v1/users
@status 201
@permission users:write
@errors email_taken username_taken email_unacceptable

Create an account and mail an invitation.

The invitation's token sets the first password at `/v1/auth/password/reset`, within three days.
$$;
revoke all on function api.create_user(app.email, app.username, app.person_name, app.person_name, app.phone, app.locale) from public;
grant execute on function api.create_user(app.email, app.username, app.person_name, app.person_name, app.phone, app.locale) to roster_user;
