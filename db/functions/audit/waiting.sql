-- Inlined where it is used, so that the first of them is found by the index of positions, however many wait.
create or replace function audit.waiting(last audit.seals) returns setof audit.audit_logs
language sql
stable
as $$
  select l.*
  from audit.audit_logs l
  where (l.transaction_id, l.id) >= (coalesce(waiting.last.to_transaction, '0'), coalesce(waiting.last.to_id, 0))
    and l.id > coalesce(waiting.last.after_id, 0)
$$;
comment on function audit.waiting(audit.seals) is 'The rows behind the last seal (null: none), which wait for the next one.';
revoke all on function audit.waiting(audit.seals) from public;
