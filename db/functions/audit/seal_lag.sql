-- How late the seals are: a row should wait for its seal for a minute at most.
create or replace function audit.seal_lag() returns interval
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last audit.seals;
begin
  select s.* into v_last from audit.seals s order by s.number desc limit 1;
  return coalesce((
    select private.now() - l.occurred_at
    from audit.waiting(v_last) l
    order by l.transaction_id, l.id limit 1), interval '0');
end
$$;
comment on function audit.seal_lag() is 'Age of the first row that waits for its seal; zero where none does.';
revoke all on function audit.seal_lag() from public;
grant execute on function audit.seal_lag() to roster_owner;
