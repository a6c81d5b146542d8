"""Turns: a few requests of each client at a time, the others in the order in which they came."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from api import turns
from api.turns import Turns

FRIEND, STRANGER = "192.0.2.1", "192.0.2.2"


@asynccontextmanager
async def turn(of: Turns, address: str | None) -> AsyncIterator[None]:
    """Have a turn for as long as the block runs."""
    taken = await of.take(address)
    yield
    taken.release()


def play(scene: Callable[[Turns], Awaitable[None]], at_once: int = 2) -> None:
    """Run a scene with turns of its own."""
    asyncio.run(asyncio.wait_for(scene(Turns(at_once)), 60))


def test_one_client_has_so_many_turns_and_others_do_not_wait_for_it() -> None:
    """BR-413."""

    async def scene(of: Turns) -> None:
        log: list[str] = []
        gates = [asyncio.Event() for _ in range(4)]

        async def ask(number: int) -> None:
            async with turn(of, FRIEND):
                log.append(f"in {number}")
                await gates[number].wait()

        asking = [asyncio.create_task(ask(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert log == ["in 0", "in 1"]
        async with turn(of, STRANGER), turn(of, None), turn(of, None):
            pass
        for number in (1, 0, 2, 3):
            gates[number].set()
            await asking[number]
        assert log == ["in 0", "in 1", "in 2", "in 3"]

    play(scene)


def test_all_addresses_of_one_ipv6_network_take_turns() -> None:
    async def scene(of: Turns) -> None:
        async with turn(of, "2001:db8:1:2::1"):
            waiting = asyncio.create_task(of.take("2001:db8:1:2:ffff::9"))
            async with turn(of, "2001:db8:1:3::1"):
                pass
            assert not waiting.done()
        await waiting

    play(scene, at_once=1)


def test_who_waits_too_long_or_goes_away_leaves_the_turn_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.01)

    async def scene(of: Turns) -> None:
        async with turn(of, FRIEND):
            with pytest.raises(TimeoutError):
                async with turn(of, FRIEND):
                    pytest.fail("there was no turn to have")
            monkeypatch.setattr(turns, "WAIT_SECONDS", 60)
            gone = asyncio.create_task(of.take(FRIEND))
            last = asyncio.create_task(of.take(FRIEND))
            await asyncio.sleep(0)
            gone.cancel()
        await last

    play(scene, at_once=1)


def test_nothing_is_kept_of_who_is_not_there() -> None:
    async def scene(of: Turns) -> None:
        async with turn(of, FRIEND):
            assert len(of._of) == 1
        assert len(of._of) == 0

    play(scene)
