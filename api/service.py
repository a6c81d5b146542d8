"""The service's own routes: health, keys, the document and its page; and every error of the framework as a problem."""

import json
import logging
import time
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap

from api import metrics
from api.answers import Answer, is_unchanged
from api.client import EXCHANGE, is_among
from api.errors import RETRY_AFTER, ConflictError, FieldError, Problem, RoutesReplacedError, render
from api.keys import JWKS_SECONDS
from api.links import account_page
from api.state import Service
from api.statements import Statement

log = logging.getLogger("pgroster.service")

RESERVED = ("account", "health", "docs", "openapi.json", "metrics")
"""First segments of paths that no function may take; a segment never starts with a dot, so .well-known is safe."""
_STATE = Statement(
    b"select json_build_object('functions', functions_digest, "
    b"'is_read_only', current_setting('transaction_read_only')::boolean, 'lag_seconds', case when pg_is_in_recovery() "
    b"then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end) from http.deployed"
)
READY_SECONDS = 2.0
"""How long the database may take to say that it is there: whoever asks for readiness does not ask for long."""
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_ASSETS = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "start.js": b"text/javascript; charset=utf-8",
}
_PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pgroster</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = b'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", validatorUrl: "none", deepLinking: true});\n'
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def service_handlers(service: Service) -> list[HTTPRouteHandler]:
    """Handlers of the paths that are not made from functions."""

    async def live() -> ASGIApp:
        return Answer(200, b'{"status":"live"}', headers={"Cache-Control": "no-store"})

    async def ready() -> ASGIApp:
        status, report = await readiness(service)
        headers = {"Cache-Control": "no-store"} | (RETRY_AFTER if status == 503 else {})
        return Answer(status, json.dumps(report).encode(), headers=headers)

    async def jwks() -> ASGIApp:
        keys = json.dumps(service.tokens.keys.jwks(time.time())).encode()
        return Answer(200, keys, b"application/jwk-set+json", {"Cache-Control": f"public, max-age={JWKS_SECONDS}"})

    async def figures(request: Request[Any, Any, Any]) -> ASGIApp:
        scope: Any = request.scope
        if not is_among(scope[EXCHANGE].address, service.settings.metrics_clients):
            raise Problem("not_found")  # what goes out tells whether somebody has an account
        return Answer(200, await metrics.page(service.database), metrics.CONTENT_TYPE, {"Cache-Control": "no-store"})

    async def openapi(request: Request[Any, Any, Any]) -> ASGIApp:
        return _cacheable(request, service.current.document, b"application/openapi+json;version=3.1")

    async def page(request: Request[Any, Any, Any]) -> ASGIApp:
        return Answer(200, _PAGE, b"text/html; charset=utf-8", {"Content-Security-Policy": _PAGE_POLICY})

    async def asset(request: Request[Any, Any, Any]) -> ASGIApp:
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise Problem("not_found")
        return _cacheable(request, _asset(name), _ASSETS[name])

    handlers: dict[str, Callable[..., Any]] = {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": figures,
        "/.well-known/jwks.json": jwks,
        "/openapi.json": openapi,
        "/docs": page,
        "/docs/{name:str}": asset,
    }
    return [account_page()] + [
        HTTPRouteHandler(path, http_method=["GET", "HEAD"], status_code=200, opt={"template": path})(function)
        for path, function in handlers.items()
    ]


async def readiness(service: Service) -> tuple[int, dict[str, Any]]:
    """200 while the database answers and what is deployed in it is what is served; else 503 with the reasons.

    `stale` is a deployment or a key file with a mistake in it: the routes or keys from before go on being used, and
    whoever watches the deployment has to hear of it. `unavailable` is a database that cannot be reached, takes no
    changes (a standby, after a failover) or has no functions.
    """
    routes: dict[str, Any] = {"count": len(service.current.routes), "reasons": list(service.stale)}
    keys = {
        "count": len(service.tokens.keys.in_order),
        "signing": service.tokens.keys.signing(time.time()).kid,
        "reasons": list(service.keyring.reasons),
    }
    is_stale = bool(service.stale or service.keyring.reasons)
    report: dict[str, Any] = {"status": "stale" if is_stale else "ready", "routes": routes, "keys": keys}
    started = time.perf_counter()
    try:
        state = json.loads(await service.database.shared_value(_STATE, READY_SECONDS) or "{}")
    except (Problem, RoutesReplacedError, ConflictError) as error:
        fault = error.code if isinstance(error, Problem) else "not migrated"
        return 503, report | {"status": "unavailable", "database": {"status": fault}}
    if state.get("is_read_only"):
        lag = {"lag_seconds": state["lag_seconds"]} if state["lag_seconds"] is not None else {}
        return 503, report | {"status": "unavailable", "database": {"status": "read_only"} | lag}
    digest = state.get("functions")
    report["database"] = {"status": "ok", "milliseconds": round((time.perf_counter() - started) * 1000, 1)}
    report["functions"] = {"deployed": digest, "serving": service.current.catalog.digest}
    if digest is None:
        return 503, report | {"status": "unavailable", "reason": "no functions are deployed; run: pgroster migrate"}
    return 503 if is_stale else 200, report


def exception_handlers(service: Service) -> ExceptionHandlersMap:
    """Handlers that turn whatever the framework raises into a problem."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        problem = _problem(error)
        if problem.code == "internal_error":
            log.error("a request failed", exc_info=error)
        scope: Any = request.scope
        status, body = render(problem, service.current.problems, scope[EXCHANGE].request_id)
        headers = {"Cache-Control": "no-store"} | problem.headers
        return Response(body, status_code=status, media_type="application/problem+json", headers=headers)

    return {HTTPException: handle, Exception: handle}


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return Problem("internal_error")
    if error.status_code in _CODES:
        allow = sorted((error.headers or {}).get("allow", "").split(", "))
        return Problem(_CODES[error.status_code], headers={"Allow": ", ".join(allow)} if allow != [""] else {})
    return Problem("invalid_request", [FieldError("", "request", "The request line or its headers are not valid.")])


@cache
def _asset(name: str) -> bytes:
    return _START if name == "start.js" else (files("litestar_offline_docs") / "static" / name).read_bytes()


def _cacheable(request: Request[Any, Any, Any], body: bytes, content_type: bytes) -> Answer:
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match")
    if is_unchanged(etag, known.encode("latin-1") if known is not None else None):
        return Answer(304, None, headers=headers)
    return Answer(200, body, content_type, headers)
