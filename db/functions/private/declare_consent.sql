-- A declaration is a row of the history; the one that the account rests on shows with the account as well.
create or replace function private.declare_consent(user_id uuid, purpose text, is_granted boolean, text_version text default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into app.consents (user_id, purpose, is_granted, text_version, client_address)
  values (declare_consent.user_id, declare_consent.purpose, declare_consent.is_granted,
          coalesce(declare_consent.text_version, (select s.consent_text_version from app.settings s)),
          private.request_value('address')::inet);
  if declare_consent.purpose = 'data_processing' then
    update app.users u set gdpr_consent_at = case when declare_consent.is_granted then private.now() end
    where u.id = declare_consent.user_id;
  end if;
end
$$;
comment on function private.declare_consent(uuid, text, boolean, text) is 'Adds to the history what a user agrees to, or not any more; without a version to the text that is in force.';
revoke all on function private.declare_consent(uuid, text, boolean, text) from public;
