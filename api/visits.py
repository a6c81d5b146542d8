"""Requests that no function answers: pages, keys, the document, paths that are nothing. They count like any other.

Two are left out: health and metrics, since whoever watches the service must not be turned away from it. Where the
database can't be asked, the answer goes out uncounted.
"""

from typing import Any

from api.answers import of_problem
from api.client import Exchange
from api.database import Reply
from api.errors import ConflictError, Problem, RoutesReplacedError, of_answer
from api.state import Service
from api.statements import VISIT

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
    try:
        return await service.database.call(VISIT, {}, context)
    except (Problem, RoutesReplacedError, ConflictError):
        return None
