"""The pool by itself: who gets which connection, and that none is lost or used twice, whoever gives up when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from api.pool import WAITING_FACTOR, Connection, NoConnectionError, Pool
from api.statements import Statement
from tests.databases import TestDatabase

SIZE = 3
SECONDS = 60.0
BACKEND = Statement(b"select pg_backend_pid()")
LENGTH = Statement(b"select length($1)")
SLEEP = Statement(b"select pg_sleep($1::text::float8)")
FAILURE = Statement(b"select 1 / length($1)")
END_OTHERS = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = %s and usename = 'roster_authenticator'"""


@asynccontextmanager
async def opened(database: TestDatabase) -> AsyncIterator[Pool]:
    """A pool that has all its connections."""
    pool = Pool(database.api_dsn, SIZE)
    pool.open()
    try:
        await filled(pool)
        yield pool
    finally:
        pool.close()


async def filled(pool: Pool) -> set[Connection]:
    """Take every connection once and give them all back."""
    async with asyncio.timeout(SECONDS):
        taken: list[Connection] = []
        while len(taken) < SIZE:
            try:
                taken.append(await pool.take())
            except NoConnectionError:
                continue
    for connection in taken:
        pool.give(connection)
    return set(taken)


async def asked(pool: Pool, statement: Statement, *parameters: bytes) -> str:
    """What a statement says."""
    connection = await pool.take()
    try:
        result = await connection.run(statement, parameters, SECONDS)
    finally:
        pool.give(connection)
    return (result.get_value(0, 0) or b"").decode()


def run(database: TestDatabase, test: Callable[[Pool], Awaitable[None]]) -> None:
    """Run a test with a pool of its own."""

    async def inside() -> None:
        async with opened(database) as pool:
            await test(pool)

    asyncio.run(inside())


def test_connections_take_turns(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        taken = []
        for _ in range(2 * SIZE):
            taken.append(await pool.take())
            pool.give(taken[-1])
        assert len(set(taken)) == SIZE
        assert taken[:SIZE] == taken[SIZE:]

    run(module_database, test)


def test_what_is_larger_than_any_buffer_is_sent_whole(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        assert await asked(pool, LENGTH, b"x" * 20_000_000) == "20000000"
        assert await asked(pool, LENGTH, b"x") == "1"

    run(module_database, test)


def test_a_statement_that_failed_is_not_prepared_again(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await asked(pool, FAILURE, b"")
        assert await asked(pool, FAILURE, b"x") == "1"

    run(module_database, test)


def test_those_who_wait_get_their_turn_in_order(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        taken = [await pool.take() for _ in range(SIZE)]
        turns = [asyncio.create_task(pool.take()) for _ in range(SIZE)]
        await asyncio.sleep(0)
        for connection in taken:
            pool.give(connection)
        assert [await turn for turn in turns] == taken
        for connection in taken:
            pool.give(connection)

    run(module_database, test)


def test_who_gives_up_waiting_takes_no_connection_along(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        taken = [await pool.take() for _ in range(SIZE)]
        early, late = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.sleep(0)
        for connection in taken:
            pool.give(connection)
        late.cancel()  # it has its connection already, and does not know yet
        assert await asyncio.gather(early, late, return_exceptions=True)
        assert pool.busy == 0
        assert await filled(pool) == set(taken)

    run(module_database, test)


def test_nobody_waits_for_long_and_not_everybody_waits(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        taken = [await pool.take() for _ in range(SIZE)]
        waiting = [asyncio.create_task(pool.take()) for _ in range(WAITING_FACTOR * SIZE)]
        await asyncio.sleep(0)
        with pytest.raises(NoConnectionError):
            await pool.take()
        assert not any(turn.done() for turn in waiting), "one more was refused at once"
        outcome = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in outcome} == {NoConnectionError}
        late = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        assert not late.done(), "those who gave up take up no place among those who wait"
        for connection in taken:
            pool.give(connection)
        pool.give(await late)
        assert await filled(pool) == set(taken)

    run(module_database, test)


@pytest.mark.parametrize("way", ["cancelled", "timed out"])
def test_a_statement_that_nobody_waits_for_any_more_takes_its_connection_along(
    module_database: TestDatabase, way: str
) -> None:
    async def test(pool: Pool) -> None:
        before = await filled(pool)
        connection = await pool.take()
        running = asyncio.create_task(connection.run(SLEEP, [b"600"], SECONDS if way == "cancelled" else 0.01))
        await asyncio.sleep(0)
        if way == "cancelled":
            running.cancel()
        assert isinstance(
            (await asyncio.gather(running, return_exceptions=True))[0], TimeoutError | asyncio.CancelledError
        )
        pool.give(connection)
        after = await filled(pool)
        assert connection not in after
        assert len(before & after) == SIZE - 1
        assert await asked(pool, LENGTH, b"four") == "4"

    run(module_database, test)


def test_a_connection_that_ended_while_nobody_used_it_is_not_used(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        for _ in range(3):
            pids = {int(await asked(pool, BACKEND)) for _ in range(SIZE)}
            for pid in pids:
                module_database.admin.execute("select pg_terminate_backend(%s, 10000)", [pid])  # the loop does not run
            assert int(await asked(pool, BACKEND)) not in pids

    run(module_database, test)


def test_without_a_database_all_are_refused_and_the_first_who_comes_afterwards_is_served(
    module_database: TestDatabase,
) -> None:
    admin, name = module_database.admin, module_database.name

    async def test(pool: Pool) -> None:
        admin.execute(f"alter database {name} connection limit 0".encode())
        try:
            admin.execute(END_OTHERS, [name])
            outcome = await asyncio.gather(*[pool.take() for _ in range(5)], return_exceptions=True)
            assert {type(each) for each in outcome} == {NoConnectionError}
            assert pool.busy == 0, "which is how the service tells that there is no database"
        finally:
            admin.execute(f"alter database {name} connection limit -1".encode())
        assert await filled(pool)

    run(module_database, test)


def test_replaced_connections_go_when_they_come_back(module_database: TestDatabase) -> None:
    async def test(pool: Pool) -> None:
        before = await filled(pool)
        used = await pool.take()
        pool.renew()
        assert (await used.run(LENGTH, [b"x"], SECONDS)).ntuples == 1, "what is under way ends"
        pool.give(used)
        assert not before & await filled(pool)

    run(module_database, test)
