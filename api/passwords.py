"""How passwords are hashed and checked.

OWASP Password Storage Cheat Sheet: Argon2id; bcrypt is accepted from imports. Argon2id takes some 25 ms and 19 MiB
each, so it runs in a few threads with a bounded queue: beyond it a client is told to come back, the rest stays quick.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from api.errors import RETRY_AFTER, Problem
from api.password_rules import normalise

CHECKED_LENGTH_MAX = 1024
"""Code points of a password that is to be checked; a longer one is no password."""
_BCRYPT_BYTES = 72

Result = TypeVar("Result")


class Hasher:
    """Hashes and checks passwords in threads. Cost: memory in KiB, passes, lanes (RFC 9106, 3.1)."""

    def __init__(self, concurrency: int, queue: int, memory: int, passes: int, lanes: int) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="password")
        self._capacity = concurrency + queue
        self._running = 0
        self._dummy = self._argon2.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The Argon2id string of a password. Raises Problem `busy` when too many wait."""
        return await self._run(lambda: self._argon2.hash(normalise(password)))

    async def verify(self, password: str, stored: str | None) -> str | None:
        """The stored hash if the password is its own, else None; without one, it takes the time that a real one takes.

        Raises Problem `busy` when too many wait.
        """
        matches = await self._run(lambda: self._matches(normalise(password), stored or self._dummy))
        return stored if matches else None

    async def upgrade(self, password: str, stored: str | None) -> str | None:
        """A fresh hash of the password if the stored one is weaker than that, else None; also None when too many wait.

        Whether the password fits is not asked, so that it takes the same time.
        """
        if stored is None or not self._is_outdated(stored):
            return None
        try:
            return await self.hash(password)
        except Problem:
            return None

    def close(self) -> None:
        """Let the running ones end and take no more."""
        self._threads.shutdown(wait=False)

    def _matches(self, password: str, stored: str) -> bool:
        if stored.startswith("$2"):
            # bcrypt reads 72 bytes; those who hashed longer passwords elsewhere cut them off in silence.
            try:
                return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored.encode())
            except ValueError:
                return False
        try:
            return self._argon2.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _is_outdated(self, stored: str) -> bool:
        try:
            made = extract_parameters(stored)
        except InvalidHashError:  # bcrypt
            return True
        cost, wanted = (made.memory_cost, made.time_cost), (self._argon2.memory_cost, self._argon2.time_cost)
        return cost != wanted and all(now <= then for now, then in zip(cost, wanted, strict=True))

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._running >= self._capacity:
            raise Problem("busy", headers=dict(RETRY_AFTER))
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except Problem:
            raise
        except Exception as error:
            # Whatever went wrong may hold the password in its frames or its message.
            raise RuntimeError(f"hashing failed: {type(error).__name__}") from None
        finally:
            self._running -= 1
