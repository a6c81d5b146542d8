"""The log and its seals, for tests that seal, verify and tamper."""

from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from api import audit_chain
from tests.waiting import until

BATCH = 7
CONTEXT = '{"address": "192.0.2.7", "user_agent": "tests", "request_id": "r", "route": "api.update_me()"}'


class Verdict(NamedTuple):
    """What admin.verify_audit() answers."""

    is_intact: bool
    seals: int
    rows: int
    unsealed: int | None
    problem: str | None
    seal: int | None
    row_id: int | None


def verify(connection: psycopg.Connection[Any], since: Any = None, before: Any = None) -> Verdict:
    """Ask for the whole log, or for the seals of some time: the database, and who takes the digests outside of it."""
    query = "select * from admin.verify_audit(%s::timestamptz, %s::timestamptz)"
    is_first = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if is_first:
            connection.execute("set transaction isolation level repeatable read")
        row = connection.execute(query, [since, before]).fetchone()
        outside = audit_chain.verify(connection, since, before)
    assert row
    assert Verdict(*row) == Verdict(**outside)
    return Verdict(*row)


def value(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    """One value."""
    row = connection.execute(query.encode(), values or None).fetchone()
    assert row, query
    return row[0]


def write(connection: psycopg.Connection[Any], events: int = 1) -> None:
    """Events, each in a transaction of its own where the connection commits by itself."""
    for _ in range(events):
        connection.execute("select audit.record_event('login.failed', null, '{\"reason\": \"unknown\"}')")


def seal(connection: psycopg.Connection[Any]) -> None:
    """Seal what can be sealed, a few rows a seal."""
    while value(connection, "select admin.seal_audit(%s) ->> 'rows'", BATCH) != "0":
        pass


def account(connection: psycopg.Connection[Any], name: str) -> str:
    """An account, with a change of its profile that fills every column of a row."""
    create = "select (private.create_account(%s, %s, '$2b$12$' || repeat('a', 53), null, null, null, 'en')).id::text"
    row = connection.execute(create, [f"{name}@example.org", name]).fetchone()
    assert row
    connection.execute("select private.open_session(%s, %s, '1 hour')", [row[0], name])
    with connection.transaction():
        connection.execute("select set_config('request.context', %s, true)", [CONTEXT])
        connection.execute("select set_config('request.session', %s, true)", [name])
        connection.execute("update app.user_profiles set locale = 'de' where user_id = %s", [row[0]])
    return str(row[0])


def until_sealed(connection: psycopg.Connection[Any]) -> None:
    """Other databases of the server hold sealing back for moments."""

    def is_sealed() -> bool:
        seal(connection)
        return verify(connection).unsealed == 0

    until(is_sealed, 60, "everything sealed")


def chain(connection: psycopg.Connection[Any]) -> list[Any]:
    """What the seals cover, for a failure to tell."""
    query = "select jsonb_agg(to_jsonb(s) - '{checks,digest}'::text[] order by number) from audit.seals s"
    return list(value(connection, query))


def seal_of(connection: psycopg.Connection[Any], row_id: int) -> int:
    """The seal over a row."""
    return int(value(connection, "select number from audit.seals where ids @> %s::bigint", row_id))
