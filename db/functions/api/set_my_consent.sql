-- To withdraw is as easy as to give (GDPR, Art. 7 (3)). Saying the same again adds nothing to the history.
create or replace function api.set_my_consent(purpose app.purpose, granted boolean, text_version app.text_version default '1')
returns api.consent_state
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_current record;
begin
  select c.is_granted, c.text_version into v_current
  from app.consents c
  where c.user_id = v_user_id and c.purpose = set_my_consent.purpose
  order by c.created_at desc, c.id desc limit 1;
  if (v_current.is_granted, v_current.text_version) is distinct from (granted, set_my_consent.text_version::text) then
    insert into app.consents (user_id, purpose, is_granted, text_version, client_address)
    values (v_user_id, set_my_consent.purpose, granted, set_my_consent.text_version, private.request_value('address')::inet);
    if set_my_consent.purpose = 'data_processing' then
      update app.users u set gdpr_consent_at = case when granted then private.now() end where u.id = v_user_id;
    end if;
  end if;
  return private.consents_of(v_user_id);
end
$$;
comment on function api.set_my_consent(app.purpose, boolean, app.text_version) is $$
@http PUT /v1/me/consents/{purpose}

Give or withdraw consent for a purpose.

The newest declaration holds; all of them are kept.
$$;
revoke all on function api.set_my_consent(app.purpose, boolean, app.text_version) from public;
grant execute on function api.set_my_consent(app.purpose, boolean, app.text_version) to roster_user;
