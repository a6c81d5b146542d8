-- The state and its history in one shape, for whoever may see the rows.
create or replace function private.consents_of(user_id uuid) returns api.consent_state
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state api.consent_state;
begin
  v_state.current := array(
    select (n.purpose, n.is_granted, n.text_version, n.created_at)::api.consent
    from (select distinct on (c.purpose) c.purpose, c.is_granted, c.text_version, c.created_at
          from app.consents c
          where c.user_id = consents_of.user_id
          order by c.purpose, c.created_at desc, c.id desc) n
    order by n.purpose);
  v_state.history := array(
    select (c.purpose, c.is_granted, c.text_version, c.created_at)::api.consent
    from app.consents c
    where c.user_id = consents_of.user_id
    order by c.created_at desc, c.id desc);
  return v_state;
end
$$;
comment on function private.consents_of(uuid) is 'The consents of a user: what holds now, and the history.';
revoke all on function private.consents_of(uuid) from public;
grant execute on function private.consents_of(uuid) to roster_user, roster_dba;
