-- Functions about "me" need a user. An operator becomes one by a session like any other, which the user can see in
-- their list and which names the operator in every audit row.
create or replace function admin.act_as(identifier text) returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.find_user(act_as.identifier);
  v_secret  text := private.random_token();
  v_session uuid := private.current_session_id();
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  if v_session is not null then
    perform private.end_session(v_session, 'released');
  end if;
  perform set_config('request.session', '', false);
  if act_as.identifier is null then
    return null;
  end if;
  if v_user_id is null then
    perform private.fail('not_found');
  elsif not exists (select from app.users u where u.id = v_user_id and u.status in ('active', 'inactive')) then
    perform private.fail('status_conflict');
  end if;
  perform private.open_session(v_user_id, v_secret, interval '1 hour', null, session_user);
  perform set_config('request.session', v_secret, false);
  perform audit.record_event('operator.acted_as', v_user_id);
  return v_user_id;
end
$$;
comment on function admin.act_as(text) is 'Makes this psql session act as the user with that email or username for an hour, in api functions about "me"; null ends it. Audited.';
revoke all on function admin.act_as(text) from public;
grant execute on function admin.act_as(text) to roster_dba;
