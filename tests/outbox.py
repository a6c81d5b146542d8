"""The outbox as the tests look at it, and the search for what must not be anywhere in the database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from psycopg import Connection, sql
from psycopg.rows import dict_row

from tests.people import moved_clock
from tests.server import Service
from tests.waiting import until

_COLUMNS: LiteralString = """
    select format('%I.%I', n.nspname, c.relname) as relation, n.nspname, c.relname, a.attname
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm')
    join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^pg_toast'
    join pg_type t on t.oid = a.atttypid
    left join pg_type base on base.oid = t.typbasetype
    where a.attnum > 0 and not a.attisdropped
      and coalesce(base.typname, t.typname) in ('text', 'varchar', 'jsonb', 'json', 'bytea', '_text', 'bpchar')
      and (n.nspname not in ('pg_catalog', 'information_schema'))"""


def occurrences(database: Connection[Any], value: str) -> set[str]:
    """Every column of the database in which a text stands, also as the bytes of a bytea."""
    found: set[str] = set()
    for _, schema, table, column in database.execute(_COLUMNS).fetchall():
        query = sql.SQL(
            "select exists (select from {} where position(%s in {}::text) > 0 or position(%s in {}::text) > 0)"
        ).format(sql.Identifier(schema, table), *[sql.Identifier(column)] * 2)
        row = database.execute(query, [value, value.encode().hex()]).fetchone()
        if row and row[0]:
            found.add(f"{schema}.{table}.{column}")
    return found


def message(service: Service, message_id: str) -> dict[str, Any]:
    """One row of the outbox."""
    with service.database.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("select * from app.outbox where id = %s", [message_id]).fetchone()
    assert row is not None
    return row


def messages(service: Service, user_id: str) -> list[dict[str, Any]]:
    """A person's rows of the outbox, in order."""
    with service.database.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from app.outbox where user_id = %s order by created_at", [user_id]).fetchall()


def sent(service: Service, message_id: str) -> dict[str, Any]:
    """Wait until a message is marked as sent."""
    until(lambda: message(service, message_id)["sent_at"], 60, f"{message_id} sent")
    return message(service, message_id)


def failed(service: Service, user_id: str, attempt: int) -> dict[str, Any]:
    """Wait until an attempt at a person's only message has failed, and return its row."""
    (row,) = messages(service, user_id)
    told = re.compile(rf'was not delivered.*"message_id": "{row["id"]}".*"attempt": {attempt},')
    until(lambda: told.search(service.log.read_text()), 60, f"attempt {attempt} failed")
    return message(service, row["id"])


def send(service: Service, user_id: str, address: str, count: int = 1) -> None:
    """Put messages that need no token into the outbox, in one transaction."""
    service.database.execute(
        "select private.send(%s::uuid, 'password_changed', %s) from generate_series(1, %s)", [user_id, address, count]
    )


def wake(service: Service) -> None:
    """Tell the workers to look."""
    service.database.execute("notify pgroster_outbox")


@contextmanager
def later(service: Service, shift: str) -> Iterator[None]:
    """The clock shows `shift` later while the block runs, and the workers know."""
    with moved_clock(service, shift):
        wake(service)
        yield
