-- A new set replaces the old one whole: a list on paper is either good or not.
create or replace function private.issue_recovery_codes(user_id uuid) returns api.recovery_code_list
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_list api.recovery_code_list;
begin
  v_list.recovery_codes := array(select private.random_recovery_code() from generate_series(1, 10));
  delete from app.recovery_codes c where c.user_id = issue_recovery_codes.user_id;
  insert into app.recovery_codes (user_id, code_hash)
  select issue_recovery_codes.user_id, private.recovery_digest(issue_recovery_codes.user_id, c)
  from unnest(v_list.recovery_codes) c;
  return v_list;
end
$$;
comment on function private.issue_recovery_codes(uuid) is 'Ten new recovery codes of a user in place of all earlier ones; stored as keyed digests.';
revoke all on function private.issue_recovery_codes(uuid) from public;
