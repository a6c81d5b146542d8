"""The delivery worker: takes messages from the outbox in the database and hands them over, for as long as it runs.

A claim is committed before anything is sent and comes due again by itself, so a message survives any death of the
worker; once it is handed over, the database erases what it said. The one gap is a death after the mail server's
250 and before that commit: the message goes out again, with the same Message-ID.
"""

import asyncio
import logging
import random
import ssl
import time
import traceback
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from jinja2 import Environment
from psycopg import AsyncConnection

from api.database import STATEMENT_TIMEOUT
from api.links import link_template
from api.mail import DeliveryError, Kind, Message, environment, mistakes, render
from api.outlets import Outlet
from api.settings import OperatorError, Settings

log = logging.getLogger("pgroster.delivery")

Connection = AsyncConnection[tuple[Any, ...]]

LANES = 4
"""Messages that one process sends at the same time."""
ATTEMPT_SECONDS = 60.0
"""How long one attempt may take; less than the two minutes for which http.claim_message() lends a message."""
POLL_SECONDS = 5.0
"""How often to look without having been told: for what is tried again, and for what a lost connection hid."""
RECONNECT_AFTER = 2.0
"""Seconds until a lost database is tried again."""
STOP_SECONDS = 10.0
"""How long a message that is being sent may go on when the service stops."""

_KINDS: LiteralString = "select template, channel, keys from http.messages()"
_CLAIM: LiteralString = (
    "select id, attempt, channel, template, recipient, payload, created_at from http.claim_message()"
)
_FINISH: LiteralString = "select http.finish_message(%s)"
_FAIL: LiteralString = "select http.fail_message(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Courier:
    """What the lanes share. `unconfirmed`: handed over, but the database has not heard of it yet."""

    settings: Settings
    dsn: str
    templates: Environment
    tls: ssl.SSLContext
    unconfirmed: set[UUID] = field(default_factory=set)


async def prepare(settings: Settings, dsn: str) -> Courier:
    """Hold the texts against the messages that the database declares. Raises OperatorError, or psycopg.Error."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        rows = await (await connection.execute(_KINDS)).fetchall()
    templates = environment()
    if wrong := list(
        mistakes(templates, [Kind(template, channel, frozenset(keys)) for template, channel, keys in rows])
    ):
        raise OperatorError("; ".join(wrong))
    return Courier(settings, dsn, templates, ssl.create_default_context())


async def run(courier: Courier) -> None:
    """Deliver until cancelled; what is being sent then may end first, for a while."""
    is_lost = False
    while True:
        try:
            async with (
                await AsyncConnection.connect(courier.dsn, autocommit=True) as listener,
                await AsyncConnection.connect(courier.dsn, autocommit=True) as seam,
            ):
                is_lost = False
                await _work(courier, listener, seam)
        except* (psycopg.Error, OSError):
            if not is_lost:
                log.warning("messages wait for the database")
            is_lost = True
        except* Exception as errors:
            log.error("the delivery of messages failed and starts again", extra=_traced(errors.exceptions[0]))
        await asyncio.sleep(RECONNECT_AFTER * random.uniform(0.8, 1.2))  # noqa: S311 no secret


async def _work(courier: Courier, listener: Connection, seam: Connection) -> None:
    for message_id in list(courier.unconfirmed):
        await _finish(courier, seam, message_id)
    wakes = [asyncio.Event() for _ in range(LANES)]
    async with asyncio.TaskGroup() as group:
        for wake in wakes:
            group.create_task(_lane(courier, seam, wake))
        await _ask(listener, "listen pgroster_outbox")
        while True:
            for wake in wakes:
                wake.set()
            async for _ in listener.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass


async def _lane(courier: Courier, seam: Connection, wake: asyncio.Event) -> None:
    outlet = Outlet(courier.settings, courier.tls)
    try:
        while True:
            await wake.wait()
            wake.clear()
            while rows := await _ask(seam, _CLAIM):
                await _to_its_end(_deliver(courier, seam, outlet, Message(*rows[0])))
            await outlet.close()
    finally:
        await outlet.close()


async def _deliver(courier: Courier, seam: Connection, outlet: Outlet, message: Message) -> None:
    facts: dict[str, Any] = {
        "message_id": str(message.id), "channel": message.channel, "template": message.template,
        "attempt": message.attempt,
    }  # fmt: skip
    started = time.perf_counter()
    if message.id not in courier.unconfirmed:
        if failure := await _attempt(courier, outlet, message):
            values = [message.id, message.attempt, failure.reason, failure.is_final]
            ((is_given_up,),) = await _ask(seam, _FAIL, values)
            facts |= {"reason": failure.reason, "given_up": is_given_up}
            log.warning("a message was not delivered", extra=facts)
            return
        courier.unconfirmed.add(message.id)
    await _finish(courier, seam, message.id)
    log.info("a message was delivered", extra=facts | {"milliseconds": round((time.perf_counter() - started) * 1000)})


async def _attempt(courier: Courier, outlet: Outlet, message: Message) -> DeliveryError | None:
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await outlet.send(message, render(courier.templates, message, link_template(courier.settings)))
    except DeliveryError as failure:
        return failure
    except TimeoutError:
        return DeliveryError(f"it was not handed over within {ATTEMPT_SECONDS:.0f} seconds")
    except Exception as error:
        log.error("a message could not be sent", extra=_traced(error))
        return DeliveryError(f"an error in the service: {type(error).__name__}")
    return None


def _traced(error: BaseException) -> dict[str, Any]:
    """An error for the log without what it says, which might quote a message."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"error": type(error).__name__, "frames": frames}


async def _finish(courier: Courier, seam: Connection, message_id: UUID) -> None:
    await _ask(seam, _FINISH, [message_id])
    courier.unconfirmed.discard(message_id)


async def _ask(connection: Connection, query: LiteralString, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows of an answer. Raises psycopg.Error, or TimeoutError where the server stays silent."""
    async with asyncio.timeout(STATEMENT_TIMEOUT):
        cursor = await connection.execute(query, values)
        return await cursor.fetchall() if cursor.description else []


async def _to_its_end(delivery: Coroutine[Any, Any, None]) -> None:
    """Await a delivery; when cancelled, let it go on for STOP_SECONDS, since half a delivery is worse than none."""
    task = asyncio.create_task(delivery)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STOP_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
