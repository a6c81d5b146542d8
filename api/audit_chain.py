"""The audit log verified from outside: every digest is taken here, over rows that plain queries of tables return.

It answers what admin.verify_audit() answers, but a database whose functions were replaced cannot lie to it. Only the
server itself, and what `pgroster audit verify` says of the tables, are still to be believed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from api import audit_text
from api.settings import OperatorError

Row = dict[str, Any]
SEAL: LiteralString = """
    select number, kind, epoch, after_id, system_identifier, month::text, from_transaction::text, from_id,
           to_transaction::text, to_id, last_id, row_count, ids::text, checks, rows_digest, sealed_at, previous_digest, digest
    from audit.seals"""
RANGE: LiteralString = """
    select min(number) filter (where %(from)s::timestamptz is null or sealed_at >= %(from)s),
           max(number) filter (where %(to)s::timestamptz is null or sealed_at < %(to)s)
    from audit.seals"""
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
PLACES = """
    from audit.audit_logs l
    where l.transaction_id >= %(from_transaction)s::xid8 and l.transaction_id <= %(to_transaction)s::xid8
      and (l.transaction_id, l.id) >= (%(from_transaction)s::xid8, %(from_id)s)
      and (l.transaction_id, l.id) < (%(to_transaction)s::xid8, %(to_id)s)
      and l.id > %(after_id)s and l.id <= %(until_id)s"""
"""The rows of all months from one position up to another, whose ids are of one epoch."""
