"""Turns at the database: a few at a time for each client, so that nobody has all connections of the pool.

Requests of one client wait for each other at its counter anyway, until the one before has ended. Here they wait without
a connection, so that one slow request holds up those behind it and nobody else.
"""

import asyncio
from ipaddress import IPv6Address
from weakref import WeakValueDictionary

WAIT_SECONDS = 5.0
"""How long a request waits for those before it; the login role's lock_timeout, which ends a wait at the counter."""


class Turns:
    """At most `at_once` requests of each client at a time. Who is not there has no turns that would be kept."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._of: WeakValueDictionary[str | bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def take(self, address: str | None) -> asyncio.Semaphore:
        """A turn, to be released when it is over. Raises TimeoutError for who has not got one in time."""
        client = whose(address)
        turns = self._of.get(client) or self._of.setdefault(client, asyncio.Semaphore(self._at_once))
        if turns.locked():
            async with asyncio.timeout(WAIT_SECONDS):
                await turns.acquire()
        else:
            await turns.acquire()
        return turns


def whose(address: str | None) -> str | bytes:
    """Whom a limit counts: an IPv4 address, or the /64 of an IPv6 address, as private.client_subject() has it."""
    if address is None:
        return "unknown"
    return IPv6Address(address).packed[:8] if ":" in address else address
