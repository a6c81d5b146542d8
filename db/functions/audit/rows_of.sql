-- Inlined where it is used, so that only the one partition is read, by the index of positions: the planner needs to be told
-- the range of transactions apart to prefer it to the whole month. The rows of an epoch end where those of the next one
-- begin, which the caller knows.
create or replace function audit.rows_of(seal audit.seals, until_id bigint) returns setof audit.sealed_rows
language sql
stable
as $$
  select r.occurred_at, r.transaction_id, r.id, r.user_id, r.actor_user_id, r.content, r.values_text, r.values_salt,
         r.origin_text, r.origin_salt, r.values_hold, r.origin_holds
  from audit.sealed_rows r
  where r.occurred_at >= rows_of.seal.month::pg_catalog.timestamp at time zone 'UTC'
    and r.occurred_at < (rows_of.seal.month + interval '1 month') at time zone 'UTC'
    and r.transaction_id >= rows_of.seal.from_transaction and r.transaction_id <= rows_of.seal.to_transaction
    and (r.transaction_id, r.id) >= (rows_of.seal.from_transaction, rows_of.seal.from_id)
    and (r.transaction_id, r.id) < (rows_of.seal.to_transaction, rows_of.seal.to_id)
    and r.id > rows_of.seal.after_id and r.id <= until_id
$$;
comment on function audit.rows_of(audit.seals, bigint) is 'The rows that a seal covers, up to the id where its epoch ends.';
revoke all on function audit.rows_of(audit.seals, bigint) from public;
