-- The newest declaration of a purpose holds.
create or replace function private.current_consent(user_id uuid, purpose text) returns app.consents
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_consent app.consents;
begin
  select c.* into v_consent from app.consents c
  where c.user_id = current_consent.user_id and c.purpose = current_consent.purpose
  order by c.created_at desc, c.id desc limit 1;
  return v_consent;
end
$$;
comment on function private.current_consent(uuid, text) is 'What a user has declared last about a purpose; all null: nothing.';
revoke all on function private.current_consent(uuid, text) from public;
