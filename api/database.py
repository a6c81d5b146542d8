"""The way to PostgreSQL: a bounded pool of autocommit connections and one prepared statement a call.

The seam is narrow on purpose, `statement, arguments, context -> reply`: how statements travel can
change behind it. A failed statement has changed nothing, so what lost against another transaction is
tried again here, and what found its functions replaced is told to the caller, who knows the new ones.
"""

import asyncio
import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGresult

from api.errors import READ_ONLY, RETRY_AFTER, ConflictError, Problem, RoutesReplacedError, describe, of_database
from api.pool import NoConnectionError, Pool
from api.statements import Statement
from api.turns import Turns

log = logging.getLogger("pgroster.database")

STATEMENT_TIMEOUT = 12.0
"""Seconds until a silent server is given up; longer than the statement_timeout of the login role, which acts first."""
CLIENT_SHARE = 4
"""One client's requests have one in so many connections of the pool at most."""
ATTEMPTS = 4
"""How often a statement is sent that loses against other transactions: once and three times more."""
_LOGGED = frozenset({"internal_error", "database_unavailable", "timeout"})
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
        self._pool = Pool(self.dsn, size)
        self._asked: dict[Statement, asyncio.Future[str | None]] = {}
        self._turns = Turns(max(1, size // CLIENT_SHARE))

    def open(self) -> None:
        """Open the pool; connections are made in the background, and again after a loss."""
        self._pool.open()

    def close(self) -> None:
        """Close the pool; connections that are in use close when their call ends."""
        self._pool.close()

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
        try:
            connection = await self._pool.take()
        except NoConnectionError:
            # Where nobody has a connection, the database is away; else the pool is too small for the moment.
            code = "busy" if self._pool.busy else "database_unavailable"
            raise Problem(code, headers=dict(RETRY_AFTER)) from None
        try:
            return await connection.run(statement, parameters, seconds)
        except TimeoutError:
            if seconds >= STATEMENT_TIMEOUT:
                self._pool.renew()  # where one connection has gone silent, the others have as well
            raise Problem("timeout", headers=dict(RETRY_AFTER)) from None
        except psycopg.Error as error:
            if error.sqlstate == READ_ONLY:
                connection.is_unwanted = True  # after a failover the next connection finds the new primary
            raise _explained(error) from None
        finally:
            self._pool.give(connection)


def _explained(error: psycopg.Error) -> Exception:
    meaning = of_database(error)
    if isinstance(meaning, RoutesReplacedError):
        log.warning("a statement found its functions replaced", extra=describe(error))
    elif isinstance(meaning, Problem) and meaning.code in _LOGGED:
        log.error("a statement failed", extra=describe(error))
    return meaning
