"""Requests that no function answers: pages, keys, the document, paths that are nothing. They count like any other.

Two are left out: health and metrics, since whoever watches the service must not be turned away from it. Where the
database can't be asked, or takes too long, the answer goes out uncounted.
"""

import asyncio
from typing import Any

from api.answers import of_problem
from api.client import Exchange
from api.database import Reply
from api.errors import ConflictError, Problem, RoutesReplacedError, of_answer
from api.state import Service
from api.statements import VISIT

COUNT_SECONDS = 1.0
"""How long an answer that needs no database waits for one."""
_UNCOUNTED = ("/health/", "/metrics")


def counting(service: Service, exchange: Exchange, scope: Any, send: Any) -> Any:
    """What sends an answer after a look at the limit; a refusal takes the answer's place."""
    is_refused = False

    async def send_counted(message: Any) -> None:
        nonlocal is_refused
        if is_refused:
            return
        if message["type"] == "http.response.start" and not exchange.is_counted and is_limited(scope["path"]):
            exchange.is_counted = True
            reply = await count(service, exchange)
            if reply is not None and reply.problem is not None:
                is_refused = True
                problem = of_answer(reply.problem)
                problem.headers = reply.headers
                await of_problem(problem, service.current.problems, exchange.request_id)(scope, None, send)
                return
            headers = reply.headers if reply is not None else {}
            message["headers"] = [*message["headers"], *((n.lower().encode(), v.encode()) for n, v in headers.items())]
        await send(message)

    return send_counted


def is_limited(path: str) -> bool:
    """Whether requests for a path are counted."""
    return not path.startswith(_UNCOUNTED)


async def count(service: Service, exchange: Exchange) -> Reply | None:
    """Count a request; None where the database can't be asked."""
    context = {"request_id": exchange.request_id}
    if exchange.address is not None:
        context["address"] = exchange.address
    counting = asyncio.ensure_future(service.database.call(VISIT, {}, context))
    counting.add_done_callback(lambda done: done.cancelled() or done.exception())  # which nobody may wait for any more
    try:
        return await asyncio.wait_for(asyncio.shield(counting), COUNT_SECONDS)
    except (TimeoutError, Problem, RoutesReplacedError, ConflictError):
        return None
