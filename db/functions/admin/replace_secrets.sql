-- Only what is still as it was read: a factor that was enrolled anew meanwhile has another secret.
create or replace function admin.replace_secrets(user_ids uuid[], old_secrets text[], new_secrets text[]) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows integer;
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  update app.totp_factors f set sealed_secret = r.fresh
  from unnest(user_ids, old_secrets, new_secrets) r (user_id, old, fresh)
  where f.user_id = r.user_id and f.sealed_secret = r.old;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
comment on function admin.replace_secrets(uuid[], text[], text[]) is 'Puts freshly sealed secrets of second factors in place of the old ones; returns how many.';
revoke all on function admin.replace_secrets(uuid[], text[], text[]) from public;
grant execute on function admin.replace_secrets(uuid[], text[], text[]) to roster_dba;
