"""The plain queries of tables that `api/audit_chain.py` verifies the log by: no function but PostgreSQL's own."""

from typing import LiteralString

SEAL: LiteralString = """
    select number, kind, epoch, after_id, system_identifier, month::text, from_transaction::text, from_id,
           to_transaction::text, to_id, last_id, row_count, ids::text, checks, rows_digest, sealed_at, previous_digest,
           digest
    from audit.seals """
ONE: LiteralString = SEAL + "where number = %s"
NEWEST: LiteralString = SEAL + "order by number desc limit 1"
OF_MONTH: LiteralString = SEAL + "where month = %s::date and kind = 'rows' order by number"
BETWEEN: LiteralString = SEAL + "where number between %s and %s order by number"
RANGE: LiteralString = """
    select min(number) filter (where %(since)s::timestamptz is null or sealed_at >= %(since)s) as first,
           max(number) filter (where %(before)s::timestamptz is null or sealed_at < %(before)s) as last
    from audit.seals"""
SURROUNDINGS: LiteralString = """
    select array(select distinct month::text from audit.seals where kind = 'drop') as dropped,
           array(select distinct user_id::text from audit.audit_logs where action = 'erasures.inserted') as erased,
           (select jsonb_object_agg(s.epoch, s.after_id)
            from (select epoch, min(after_id) as after_id from audit.seals group by epoch) s) as epochs,
           has_function_privilege('pg_control_system()', 'execute') as is_told,
           pg_snapshot_xmin(pg_current_snapshot())::text::numeric as finished,
           pg_snapshot_xmax(pg_current_snapshot())::text as begun,
           row_security_active('audit.audit_logs') and not pg_has_role('roster_auditor', 'usage') as is_hidden"""
CLUSTER: LiteralString = "select system_identifier from pg_control_system()"
ROWS: LiteralString = """
    select id, occurred_at, transaction_id::text, action, entity, entity_id, user_id::text, actor_user_id::text,
           actor_session_id::text, actor_api_key_id::text, database_role, application_name, request_id, route,
           to_jsonb(client_address)::text as client_address, user_agent, changed_fields, old_values::text,
           new_values::text, details::text, values_salt, values_digest, origin_salt, origin_digest
    from audit.audit_logs
    where occurred_at >= %(month)s::timestamp at time zone 'UTC'
      and occurred_at < (%(month)s::timestamp + interval '1 month') at time zone 'UTC'
      and transaction_id >= %(from_transaction)s::xid8 and transaction_id <= %(to_transaction)s::xid8
      and (transaction_id, id) >= (%(from_transaction)s::xid8, %(from_id)s)
      and (transaction_id, id) < (%(to_transaction)s::xid8, %(to_id)s)
      and id > %(after_id)s and id <= %(until_id)s
    order by id"""
SEALED: LiteralString = """
    select coalesce(sum(row_count), 0)::bigint as rows
    from audit.seals
    where number between %(first)s - 1000 and %(last)s + 1000 and epoch = %(epoch)s and kind = 'rows'
      and month <> all (%(dropped)s::date[])
      and (from_transaction, from_id) >= (%(from_transaction)s::xid8, %(begin_id)s)
      and (to_transaction, to_id) <= (%(to_transaction)s::xid8, %(to_id)s)"""
_PLACES: LiteralString = """
    from audit.audit_logs l
    where l.transaction_id >= %(from_transaction)s::xid8 and l.transaction_id <= %(end_transaction)s::xid8
      and (l.transaction_id, l.id) >= (%(from_transaction)s::xid8, %(from_id)s)
      and (l.transaction_id, l.id) < (%(end_transaction)s::xid8, %(to_id)s)
      and l.id > %(after_id)s and l.id <= %(until_id)s"""
_UNCOVERED: LiteralString = """
      and not exists (
        select from audit.seals s
        where s.epoch = %(epoch)s and s.kind = 'rows' and s.month <> all (%(dropped)s::date[])
          and s.month = date_trunc('month', l.occurred_at at time zone 'UTC')::date and s.ids @> l.id
          and (l.transaction_id, l.id) >= (s.from_transaction, s.from_id)
          and (l.transaction_id, l.id) < (s.to_transaction, s.to_id))"""
THERE: LiteralString = "select count(*) as rows" + _PLACES
STRAY: LiteralString = "select min(l.id) as id" + _PLACES + _UNCOVERED
WAITING: LiteralString = """
    select count(*) as rows, min(l.id) filter (where l.transaction_id >= %(begun)s::xid8) as row_from_nowhere
    from audit.audit_logs l
    where (l.transaction_id, l.id) >= (%(to_transaction)s::xid8, %(to_id)s) and l.id > %(after_id)s"""
