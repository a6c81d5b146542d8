-- Erasure leaves a tombstone: the key, so that the log's ids go on meaning somebody, and nothing else of the person.
-- The log is emptied last, since the steps before it write to it.
create or replace function private.erase_account(user_id uuid, reason text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
  v_removed jsonb;
begin
  select u.* into v_account from app.users u where u.id = erase_account.user_id for update;
  if v_account.id is null then
    perform private.fail('not_found');
  elsif exists (select from app.erasures e where e.user_id = erase_account.user_id) then
    perform private.fail('status_conflict');
  elsif v_account.status <> 'deleted' then
    perform private.change_status(erase_account.user_id, 'delete');
  end if;
  v_removed := private.remove_personal_rows(erase_account.user_id);
  update app.users u set
    email = format('erased-%s@erased.invalid', u.id), username = 'erased-' || right(replace(u.id::text, '-', ''), 24),
    password_hash = null, has_short_password = false, password_changed_at = null, is_email_verified = false, is_phone_verified = false,
    failed_login_attempts = 0, locked_until = null, last_login_at = null, gdpr_consent_at = null,
    data_retention_until = null, suspended_at = null
  where u.id = erase_account.user_id;
  insert into app.erasures (user_id, reason, removed) values (erase_account.user_id, erase_account.reason, v_removed);
  perform audit.erase_person(erase_account.user_id);
end
$$;
comment on function private.erase_account(uuid, text) is 'Anonymises an account for good; raises not_found, status_conflict if it is erased already, last_admin.';
revoke all on function private.erase_account(uuid, text) from public;
