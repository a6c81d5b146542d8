-- To withdraw is as easy as to give (GDPR, Art. 7 (3)). Saying the same again adds nothing to the history.
-- The account itself is what data_processing allows, so to withdraw that is to leave: by the route that asks for the password.
create or replace function api.set_my_consent(purpose app.purpose, granted boolean, text_version app.text_version default null)
returns api.consent_state
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.lock_own_account();
  v_current app.consents := private.current_consent(v_user_id, set_my_consent.purpose);
  v_version text := coalesce(set_my_consent.text_version, (select s.consent_text_version from app.settings s));
begin
  if set_my_consent.purpose = 'data_processing' and not granted then
    perform private.fail('account_needs_consent');
  end if;
  if (v_current.is_granted, v_current.text_version::text) is distinct from (granted, v_version) then
    perform private.declare_consent(v_user_id, set_my_consent.purpose, granted, v_version);
  end if;
  return private.consents_of(v_user_id);
end
$$;
comment on function api.set_my_consent(app.purpose, boolean, app.text_version) is $$
@http PUT /v1/me/consents/{purpose}
@errors account_needs_consent

Give or withdraw consent for a purpose.

The newest declaration holds; all of them are kept. Without `text_version` it is about the text that is in force. The
account rests on the purpose `data_processing`: that consent is withdrawn by deleting the account.
$$;
revoke all on function api.set_my_consent(app.purpose, boolean, app.text_version) from public;
grant execute on function api.set_my_consent(app.purpose, boolean, app.text_version) to roster_user;
