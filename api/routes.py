"""Catalog rows as Litestar handlers: each answers one request, whatever happens on the way."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Method

from api.answers import Answer, of_problem
from api.binding import Incoming
from api.bodies import MAX_BYTES
from api.client import EXCHANGE, Exchange
from api.errors import Problem, RoutesReplacedError
from api.operations import Operation
from api.serving import serve
from api.state import Service
from api.tokens import bearer

log = logging.getLogger("pgroster.routes")

TRIES = 3
"""How often a request is tried whose functions were replaced under it; each failure has changed nothing."""


def handler(service: Service, operation: Operation) -> HTTPRouteHandler:
    """The handler of an operation. Placeholders go by position, so that two routes may name the same segment apart."""
    key = operation.key

    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        return await answer(service, key, request)

    return HTTPRouteHandler(
        _litestar_path(operation),
        http_method=_methods(operation),
        status_code=200,
        request_max_body_size=MAX_BYTES,
        opt={"template": operation.tags.path},
    )(handle)


def option_handlers(operations: Iterable[Operation]) -> list[HTTPRouteHandler]:
    """A handler of OPTIONS for each path: Litestar's own would name the methods of one operation only."""
    methods: dict[str, set[str]] = {}
    for operation in operations:
        methods.setdefault(_litestar_path(operation), {"OPTIONS"}).update(_methods(operation))
    return [_option_handler(path, ", ".join(sorted(allowed))) for path, allowed in methods.items()]


def _option_handler(path: str, allowed: str) -> HTTPRouteHandler:
    async def handle() -> ASGIApp:
        return Answer(204, headers={"Allow": allowed, "Cache-Control": "no-store"})

    return HTTPRouteHandler(path, http_method="OPTIONS", status_code=200)(handle)


def _litestar_path(operation: Operation) -> str:
    positions = iter(range(len(operation.tags.placeholders)))
    segments = (f"{{p{next(positions)}:str}}" if s.startswith("{") else s for s in operation.tags.segments)
    return "/" + "/".join(segments)


def _methods(operation: Operation) -> list[Method]:
    return ["GET", "HEAD"] if operation.is_read else [cast(Method, operation.tags.method)]


async def answer(service: Service, key: tuple[str, str], request: Request[Any, Any, Any]) -> Answer:
    """Answer one request. When the functions were replaced meanwhile, take the new routes over and try again."""
    scope: Any = request.scope
    exchange: Exchange = scope[EXCHANGE]
    exchange.is_counted = True
    headers = exchange.headers
    token = bearer(scope["headers"])
    try:
        body = await _read_body(request, headers)
        values = tuple(scope["path_params"].values())
        incoming = Incoming(values, scope["query_string"], headers, body, scope["path"], token)
        for _ in range(TRIES):
            current = service.current
            route = current.routes.get(key)
            if route is None:
                raise Problem("not_found")
            try:
                return await serve(service, route, incoming, exchange)
            except RoutesReplacedError:
                await service.refresh(current)
        log.error("a function stays as if it had just been replaced", extra={"route": key[1]})
        raise Problem("internal_error")
    except Problem as problem:
        return of_problem(problem, service.current.problems, exchange.request_id, token is not None)
    except Exception:
        log.exception("a request failed", extra={"route": key[1]})
        return of_problem(Problem("internal_error"), service.current.problems, exchange.request_id)


async def _read_body(request: Request[Any, Any, Any], headers: Mapping[bytes, bytes]) -> bytes | None:
    """The body's bytes, or None where there are more than the limit."""
    if b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0":
        return b""
    try:
        return await request.body()
    except HTTPException as error:
        if error.status_code == 413:
            return None
        raise Problem("malformed_json") from None  # the client went away in the middle
