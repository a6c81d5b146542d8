"""Made-up people by the thousand, for trying the service out at its real size: `pgroster seed --users N`.

A batch is one transaction, and people who are there already are left alone, so an interrupted run is completed by
running it again.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, LiteralString

import psycopg

from api import ROOT, strangers
from api.servers import connected
from api.settings import OperatorError

SCRIPT = ROOT / "db" / "seeds" / "many_users.sql"
COPY: LiteralString = "copy staged_users from stdin"
KEEP: LiteralString = "select pg_temp.keep_staged_users(%s, %s::text)"
HAS_OTHERS: LiteralString = "select pg_temp.has_other_people()"
SETTLE: LiteralString = "select pg_temp.settle_seeded_users()"
CONNECTIONS = 2


@dataclass(frozen=True)
class Seeding:
    """What a run did."""

    added: int
    present: int
    seconds: float


def seed(
    dsn: str, users: int, key: str, password_hash: str | None, is_sure: bool, progress: Callable[[int], None]
) -> Seeding:
    """Make sure that people 1 to `users` of this key are there; `progress` is told how many more are, from any thread.

    `is_sure`: also beside accounts that are not made up. Raises OperatorError.
    """
    started = time.monotonic()
    today = int(time.time()) // strangers.DAY * strangers.DAY
    stop = Event()

    def work(first: int) -> int:
        added = 0
        try:
            with prepared(dsn) as connection:
                for start in range(first, users, strangers.BATCH * CONNECTIONS):
                    if stop.is_set():
                        break
                    rows = "".join(strangers.rows(key, start, users, today))
                    added += keep(connection, rows, key, password_hash)
                    progress(min(strangers.BATCH, users - start))
        except BaseException:
            stop.set()
            raise
        return added

    with prepared(dsn) as connection:
        if not is_sure and value(connection, HAS_OTHERS):
            raise OperatorError("this database has accounts that are not made up; --yes adds made-up ones beside them")
        with ThreadPoolExecutor(CONNECTIONS) as workers:
            try:
                added = sum(workers.map(work, range(0, strangers.BATCH * CONNECTIONS, strangers.BATCH)))
            finally:
                stop.set()
        value(connection, SETTLE)
    return Seeding(added, users - added, time.monotonic() - started)


@contextmanager
def prepared(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection with the staging table and its functions. Raises OperatorError."""
    with connected(dsn) as connection:
        connection.execute(SCRIPT.read_bytes())
        yield connection


def keep(connection: psycopg.Connection, rows: str, key: str, password_hash: str | None) -> int:
    """Put people where they belong, those that are there already left out; returns how many came."""
    with connection.transaction():
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(rows)
        return int(value(connection, KEEP, key, password_hash))


def value(connection: psycopg.Connection, query: LiteralString, *values: Any) -> Any:
    """What a query with one row of one column returns."""
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None
