-- Inlined where it is used; the planner needs to be told the range of transactions apart to take the index of positions.
create or replace function audit.places(
  from_transaction xid8, from_id bigint, to_transaction xid8, to_id bigint, after_id bigint, until_id bigint)
returns setof audit.audit_logs
language sql
stable
as $$
  select l.*
  from audit.audit_logs l
  where l.transaction_id >= places.from_transaction and l.transaction_id <= places.to_transaction
    and (l.transaction_id, l.id) >= (places.from_transaction, places.from_id)
    and (l.transaction_id, l.id) < (places.to_transaction, places.to_id)
    and l.id > places.after_id and l.id <= places.until_id
$$;
comment on function audit.places(xid8, bigint, xid8, bigint, bigint, bigint) is 'The rows of all months from one position up to another, whose ids are of one epoch.';
revoke all on function audit.places(xid8, bigint, xid8, bigint, bigint, bigint) from public;
