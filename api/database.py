"""The way to PostgreSQL: a bounded pool of autocommit connections and one prepared statement a call.

The seam is narrow on purpose, `statement, arguments, context -> reply`: how statements travel can
change behind it. A failed statement has changed nothing, so what lost against another transaction is
tried again here, and what found its functions replaced is told to the caller, who knows the new ones.
"""

import asyncio
import json
import logging
import random
import select
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, generators, waiting
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from api.errors import READ_ONLY, RETRY_AFTER, ConflictError, Problem, RoutesReplacedError, describe, of_database
from api.statements import Statement
from api.turns import Turns

log = logging.getLogger("pgroster.database")
logging.getLogger("psycopg.pool").setLevel(logging.WARNING)  # it tells every request at info

POOL_TIMEOUT = 0.8
"""Seconds that a request waits for a connection; a client hears of an unreachable database within one second."""
STATEMENT_TIMEOUT = 12.0
"""Seconds until a silent server is given up; longer than the statement_timeout of the login role, which acts first."""
RECONNECT_TIMEOUT = 2.0
"""Seconds after which the pool stops trying to replace a lost connection by itself; the next request tries again."""
WAITING_FACTOR = 32
"""Requests that may wait for each connection of the pool."""
CLIENT_SHARE = 4
"""One client's requests have one in so many connections of the pool at most."""
ATTEMPTS = 4
"""How often a statement is sent that loses against other transactions: once and three times more."""
_LOGGED = frozenset({"internal_error", "database_unavailable", "timeout"})
_INTERVAL = 0.1
"""Seconds between two looks for whether the wait was cancelled, as psycopg has it."""
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds; else what is lost in the network is waited for a quarter of an hour
    "fallback_application_name": "pgroster",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the statement answered: the JSON as PostgreSQL wrote it, and what the function said about the answer."""

    body: bytes | None
    status: int | None
    problem: dict[str, Any] | None
    headers: dict[str, str]
    claims: dict[str, Any] | None


class Database:
    """The pool. Open it before the first call, close it after the last."""

    def __init__(self, dsn: str, size: int) -> None:
        self.dsn = make_conninfo(dsn, **_CONNECTION)
        self._busy = 0
        self._asked: dict[Statement, asyncio.Future[str | None]] = {}
        self._turns = Turns(max(1, size // CLIENT_SHARE))
        self._prepared: WeakKeyDictionary[AsyncConnection[Any], set[bytes]] = WeakKeyDictionary()
        self._pool = AsyncConnectionPool(
            self.dsn,
            open=False,
            min_size=size,
            max_size=size,
            timeout=POOL_TIMEOUT,
            max_waiting=WAITING_FACTOR * size,
            reconnect_timeout=RECONNECT_TIMEOUT,
            kwargs={"autocommit": True},
            configure=configure,
            name="requests",
        )

    async def open(self) -> None:
        """Open the pool; connections are made in the background, and again after a loss."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the pool; connections that are in use close when their call ends."""
        await self._pool.close(timeout=STATEMENT_TIMEOUT)

    async def call(
        self, statement: Statement, arguments: Mapping[str, str | None], context: Mapping[str, str]
    ) -> Reply:
        """Run a route's statement. Raises Problem, or RoutesReplacedError when its functions are not there any more."""
        values = [json.dumps(context), *[arguments.get(name) for name in statement.names]]
        parameters = [value.encode() if value is not None else None for value in values]
        try:
            turn = await self._turns.take(context.get("address"))
        except TimeoutError:
            raise Problem("busy", headers=dict(RETRY_AFTER)) from None
        try:
            result = await self._insist(statement, parameters)
        finally:
            turn.release()
        body, status, problem, headers, claims = (result.get_value(0, column) for column in range(5))
        return Reply(
            body,
            int(status) if status else None,
            json.loads(problem) if problem else None,
            json.loads(headers) if headers else {},
            json.loads(claims) if claims else None,
        )

    async def value(self, question: Statement, seconds: float = STATEMENT_TIMEOUT) -> str | None:
        """The first value of the answer as text, for the service's own questions. Raises as call() does."""
        result = await self._run(question, [], seconds)
        value = result.get_value(0, 0) if result.ntuples else None
        return value.decode() if value is not None else None

    async def shared_value(self, question: Statement, seconds: float) -> str | None:
        """The same for what anybody may ask, uncounted: who asks while the answer is on its way gets that one."""
        asking = self._asked.get(question)
        if asking is None:
            asking = self._asked[question] = asyncio.ensure_future(self.value(question, seconds))
            asking.add_done_callback(lambda done: self._asked.pop(question) and (done.cancelled() or done.exception()))
        return await asyncio.shield(asking)

    async def _insist(self, statement: Statement, parameters: Sequence[bytes | None]) -> PGresult:
        """Run a statement, again where it lost against another one."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._run(statement, parameters)
            except ConflictError:
                await asyncio.sleep(random.uniform(0.5, 1.5) * 0.01 * 2**attempt)  # noqa: S311 no secret
        raise Problem("busy", headers=dict(RETRY_AFTER))

    async def _run(
        self, statement: Statement, parameters: Sequence[bytes | None], seconds: float = STATEMENT_TIMEOUT
    ) -> PGresult:
        connection = await self._take()
        self._busy += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._send(connection, statement, parameters)
        except TimeoutError:
            if seconds >= STATEMENT_TIMEOUT:
                await self._pool.drain()  # where one connection has gone silent, the others have as well
            raise Problem("timeout", headers=dict(RETRY_AFTER)) from None
        except psycopg.Error as error:
            if error.sqlstate == READ_ONLY:
                await connection.close()  # after a failover the next connection finds the new primary
            raise _explained(error) from None
        finally:
            self._busy -= 1
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                await connection.close()
            await self._pool.putconn(connection)

    async def _send(
        self, connection: AsyncConnection[Any], statement: Statement, parameters: Sequence[bytes | None]
    ) -> PGresult:
        # libpq directly: psycopg forgets a statement whose first execution failed, and leaves it on the server.
        prepared = self._prepared.setdefault(connection, set())
        if statement.name not in prepared:
            connection.pgconn.send_prepare(statement.name, statement.query)
            await _result(connection)
            prepared.add(statement.name)
        connection.pgconn.send_query_prepared(statement.name, parameters)
        return await _result(connection)

    async def _take(self) -> AsyncConnection[Any]:
        try:
            connection = await self._pool.getconn()
            while _is_dead(connection):
                await connection.close()
                await self._pool.putconn(connection)
                connection = await self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed):
            # Where nobody has a connection, the database is away; else the pool is too small for the moment.
            code = "busy" if self._busy else "database_unavailable"
            raise Problem(code, headers=dict(RETRY_AFTER)) from None
        return connection


async def configure(connection: AsyncConnection[Any]) -> None:
    """Set up a new connection: times leave the database in UTC (RFC 3339)."""
    await connection.execute("set timezone to 'UTC'")


async def _result(connection: AsyncConnection[Any]) -> PGresult:
    # Not connection.wait(): that would go on for ten seconds after a time-out to cancel what nobody answers.
    pgconn = connection.pgconn
    result: PGresult = (await waiting.wait_async(generators.execute(pgconn), pgconn.socket, interval=_INTERVAL))[-1]
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise error_from_result(result, encoding="utf-8")
    return result


def _is_dead(connection: AsyncConnection[Any]) -> bool:
    """Whether the server has closed an idle connection, told without a round trip: then there is something to read."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    try:
        if poll.poll(0):
            connection.pgconn.consume_input()
            return bool(poll.poll(0))
    except psycopg.OperationalError:
        return True
    return False


def _explained(error: psycopg.Error) -> Exception:
    meaning = of_database(error)
    if isinstance(meaning, RoutesReplacedError):
        log.warning("a statement found its functions replaced", extra=describe(error))
    elif isinstance(meaning, Problem) and meaning.code in _LOGGED:
        log.error("a statement failed", extra=describe(error))
    return meaning
