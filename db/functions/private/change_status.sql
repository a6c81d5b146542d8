-- The state machine of accounts, in one table; every change of a status goes through here. A deletion does not end a
-- suspension: who is restored is what they were.
create or replace function private.change_status(user_id uuid, transition text) returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account app.users;
  v_target  text;
begin
  select u.* into v_account from app.users u where u.id = change_status.user_id for update;
  if v_account.id is null then
    perform private.fail('not_found');
  end if;
  select case when t.target = 'as before' then
           case when t.source = 'deleted' and v_account.suspended_at is not null then 'suspended'
                when v_account.is_email_verified then 'active'
                else 'inactive' end
         else t.target end
  into v_target
  from (values
    ('suspend',    'active',    'suspended'),
    ('suspend',    'inactive',  'suspended'),
    ('reactivate', 'suspended', 'as before'),
    ('delete',     'active',    'deleted'),
    ('delete',     'inactive',  'deleted'),
    ('delete',     'suspended', 'deleted'),
    ('restore',    'deleted',   'as before')
  ) as t (transition, source, target)
  where t.transition = change_status.transition and t.source = v_account.status;
  if v_target is null then
    perform private.fail('status_conflict');
  end if;
  if v_target in ('suspended', 'deleted') then
    perform private.keep_an_admin(change_status.user_id);
  end if;
  update app.users u set
    status = v_target,
    suspended_at = case when v_target = 'suspended' then coalesce(u.suspended_at, private.now())
                        when v_target = 'deleted' then u.suspended_at end,
    deleted_at = case when v_target = 'deleted' then private.now() end
  where u.id = change_status.user_id;
  if v_target in ('suspended', 'deleted') then
    perform private.end_sessions(change_status.user_id, v_target);
    perform private.revoke_mailed_tokens(change_status.user_id);
    if v_target = 'deleted' then
      perform private.revoke_api_keys(change_status.user_id);
    end if;
  end if;
end
$$;
comment on function private.change_status(uuid, text) is 'Suspends, reactivates, deletes or restores an account and ends what must not outlive it; raises not_found, status_conflict, last_admin.';
revoke all on function private.change_status(uuid, text) from public;
