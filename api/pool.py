"""A pool of connections that send prepared statements, one at a time each, and are watched for as long as they live.

psycopg connects; after that it is libpq's asynchronous calls alone. A connection that is watched all the time costs the
event loop nothing for each statement, and its end is seen when it comes. They take turns, so that each has its plans
made when all are needed at once.
"""

import asyncio
import logging
import select
from collections import deque
from collections.abc import Callable, Sequence

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from api.statements import Statement

log = logging.getLogger("pgroster.database")

WAIT_SECONDS = 0.8
"""How long a request waits for a connection; a client hears of an unreachable database within one second."""
WAITING_FACTOR = 32
"""Requests that may wait for each connection."""
PAUSE_SECONDS = (0.05, 0.4)
"""First and longest pause between attempts to connect while somebody waits; else the next who comes tries again."""


class NoConnectionError(Exception):
    """There was no connection in time."""


class Connection:
    """One connection. `is_unwanted`: it goes as soon as nobody uses it."""

    def __init__(self, owner: AsyncConnection[tuple[object, ...]], on_end: Callable[["Connection"], None]) -> None:
        self.is_unwanted = False
        self._loop = asyncio.get_running_loop()
        self._owner = owner  # closes the connection when it is collected
        self._libpq = owner.pgconn
        self._socket = owner.pgconn.socket
        self._on_end = on_end
        self._prepared: set[bytes] = set()
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._is_writing = False
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._loop.add_reader(self._socket, self._read)

    @property
    def is_usable(self) -> bool:
        """Whether another statement can be sent: the last one has ended, and the connection may stay."""
        return not self.is_unwanted and self._libpq.transaction_status == TransactionStatus.IDLE

    def is_dead(self) -> bool:
        """Whether the server has closed it just now, told without a round trip: then there is something to read."""
        if not self._readable.poll(0):
            return not self.is_usable
        self._read()
        return not self.is_usable or bool(self._readable.poll(0))

    async def run(self, statement: Statement, parameters: Sequence[bytes | None], seconds: float) -> PGresult:
        """The result of a statement. Raises psycopg.Error, or TimeoutError where there was none in time."""
        timer = self._loop.call_later(seconds, self._fail, TimeoutError())
        try:
            # Not by psycopg, which forgets a statement whose first execution failed, and leaves it on the server.
            if statement.name not in self._prepared:
                self._libpq.send_prepare(statement.name, statement.query)
                await self._answered()
                self._prepared.add(statement.name)
            self._libpq.send_query_prepared(statement.name, parameters)
            return await self._answered()
        finally:
            timer.cancel()

    def close(self) -> None:
        """End it, whatever is going on."""
        self.is_unwanted = True
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
            self._libpq.finish()

    async def _answered(self) -> PGresult:
        self._answer = self._loop.create_future()
        self._write()
        result = await self._answer
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(result, encoding="utf-8")
        return result

    def _write(self) -> None:
        """Send what there is; the rest, where the server takes no more, as soon as it does."""
        try:
            is_left = self._libpq.flush()
        except psycopg.OperationalError as error:
            self._fail(error)
            return
        if is_left:
            self._loop.add_writer(self._socket, self._write)
        elif self._is_writing:
            self._loop.remove_writer(self._socket)
        self._is_writing = bool(is_left)

    def _read(self) -> None:
        try:
            self._libpq.consume_input()
            while not self._libpq.is_busy():
                result = self._libpq.get_result()
                if result is None:
                    break
                self._result = result
            else:
                return
        except psycopg.OperationalError as error:
            self._fail(error)
            return
        if self._answer is not None and self._result is not None:
            answer, result, self._answer, self._result = self._answer, self._result, None, None
            if not answer.done():
                answer.set_result(result)

    def _fail(self, error: Exception) -> None:
        if self._answer is None:
            self._on_end(self)
        elif not self._answer.done():
            self._answer.set_exception(error)


class Pool:
    """So many connections to one database. Open it before anything is taken, close it after the last."""

    def __init__(self, dsn: str, size: int) -> None:
        self.busy = 0  # connections in use
        self._dsn = dsn
        self._size = size
        self._all: set[Connection] = set()
        self._free: deque[Connection] = deque()
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._is_closed = True

    def open(self) -> None:
        """Begin to connect, in the background."""
        self._is_closed = False
        self._fill()

    def close(self) -> None:
        """End all connections, those in use when they come back."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        self.renew()

    def renew(self) -> None:
        """Replace all connections, those in use when they come back."""
        for connection in list(self._all):
            connection.is_unwanted = True
        while self._free:
            self._end(self._free.pop())

    async def take(self) -> Connection:
        """A connection, to be given back. Raises NoConnectionError."""
        while self._free:
            connection = self._free.popleft()
            if not connection.is_dead():
                self.busy += 1
                return connection
            self._end(connection)
        self._fill()
        if self._is_closed or len(self._waiting) >= WAITING_FACTOR * self._size:
            raise NoConnectionError
        turn: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await turn
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                self.give(turn.result())
            if isinstance(error, TimeoutError):
                raise NoConnectionError from None
            raise

    def give(self, connection: Connection) -> None:
        """Take a connection back."""
        self.busy -= 1
        if connection.is_usable:
            self._offer(connection)
        else:
            self._end(connection)

    def _offer(self, connection: Connection) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(connection)
                return
        self._free.append(connection)

    def _end(self, connection: Connection) -> None:
        connection.close()
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        self._fill()

    def _fill(self) -> None:
        is_connecting = self._connecting is not None and not self._connecting.done()
        if not (is_connecting or self._is_closed) and len(self._all) < self._size:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        """Connect until the pool is full, and no longer than somebody waits where that fails."""
        pause, longest = PAUSE_SECONDS
        while len(self._all) < self._size:
            try:
                owner = await connect(self._dsn)
            except psycopg.Error as error:
                if pause == PAUSE_SECONDS[0]:
                    log.warning("no connection to the database: %s", str(error).strip().partition("\n")[0])
                if not self._waiting:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
            else:
                pause = PAUSE_SECONDS[0]
                connection = Connection(owner, self._end)
                self._all.add(connection)
                self._offer(connection)


async def connect(dsn: str) -> AsyncConnection[tuple[object, ...]]:
    """A new connection, from which times come in UTC (RFC 3339). Raises psycopg.Error."""
    connection = await AsyncConnection.connect(dsn, autocommit=True)
    try:
        await connection.execute("set timezone to 'UTC'")
    except BaseException:
        await connection.close()
        raise
    return connection
