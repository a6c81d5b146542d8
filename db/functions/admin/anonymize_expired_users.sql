-- Two clocks end a person's data: the time to restore a deleted account, and the date set for an account.
create or replace function admin.anonymize_expired_users(max_rows integer default 100) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := private.now();
  v_before timestamptz := v_now - (select s.restore_within from app.settings s);
  v_user   record;
  v_erased integer := 0;
begin
  perform private.check_batch(max_rows);
  for v_user in
    select u.id, case when u.data_retention_until < v_now then 'retention' else 'deletion' end as reason
    from app.users u
    where u.id in (
      -- Offset 0: whether somebody is an administrator is asked of each, not found out about everybody first.
      (select r.id from app.users r
       where r.data_retention_until < v_now
         and (r.status = 'deleted' or not exists (select from private.admins a where a.user_id = r.id offset 0))
       order by r.data_retention_until limit anonymize_expired_users.max_rows)
      union all
      -- Backwards, since those that were erased long ago are still there.
      (select d.id from app.users d
       where d.deleted_at < v_before and not exists (select from app.erasures e where e.user_id = d.id)
       order by d.deleted_at desc limit anonymize_expired_users.max_rows))
    limit anonymize_expired_users.max_rows
    for update of u skip locked
  loop
    -- Somebody may have erased it between the search and the lock.
    continue when exists (select from app.erasures e where e.user_id = v_user.id);
    perform private.erase_account(v_user.id, v_user.reason);
    v_erased := v_erased + 1;
  end loop;
  return v_erased;
end
$$;
comment on function admin.anonymize_expired_users(integer) is 'Anonymises accounts whose data_retention_until or time to be restored has passed, at most so many; administrators are left to people. Returns how many.';
revoke all on function admin.anonymize_expired_users(integer) from public;
grant execute on function admin.anonymize_expired_users(integer) to roster_dba;
