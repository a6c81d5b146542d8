"""Taking over changed functions while requests are served.

A LISTEN connection hears of a deployment at once, and asks from time to time for the digest of the deployed functions
in case it did not. A new set of routes is built beside the old one and swapped in with one assignment; requests that
are under way end on the old one. A set with a mistake in it is refused as a whole: the old one goes on serving, the
log and /health/ready say why.
"""

import asyncio
import json
import logging
import random
from contextlib import suppress

import psycopg
from litestar import Litestar
from psycopg import AsyncConnection

from api import catalog as facts
from api.binding import Binding
from api.catalog import Catalog
from api.database import STATEMENT_TIMEOUT
from api.openapi import document
from api.operations import CatalogError, compose
from api.pool import connect
from api.routes import handler, option_handlers
from api.service import RESERVED, exception_handlers, service_handlers
from api.state import Route, RouteSet, Service
from api.statements import compose as compose_statements

log = logging.getLogger("pgroster.reload")

CHANNEL = b"pgroster_routes"
LOAD_SECONDS = 30.0
"""How long to wait for the catalog; a database that is only slow gets through it in one."""
RECONNECT_AFTER = 2.0
"""Seconds until a lost LISTEN connection is tried again."""


async def load(service: Service) -> RouteSet:
    """Read the catalog and build its routes in a thread. Raises CatalogError, or psycopg.Error."""
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            async with await connect(service.database.dsn) as connection:
                catalog = await facts.read(connection)
    except TimeoutError:
        raise psycopg.OperationalError("the database does not answer") from None
    return await asyncio.to_thread(build, service, catalog)


def build(service: Service, catalog: Catalog) -> RouteSet:
    """The routes of a catalog. Raises CatalogError."""
    composed = compose(catalog, RESERVED)
    routes = {o.key: Route(o, Binding(o), compose_statements(o)) for o in composed.operations}
    described = document(composed, service.settings.origin)
    app = Litestar(
        route_handlers=[
            *option_handlers(composed.operations),  # first, or Litestar makes its own
            *(handler(service, operation) for operation in composed.operations),
            *service_handlers(service),
        ],
        exception_handlers=exception_handlers(service),
        openapi_config=None,
        logging_config=None,
    )
    return RouteSet(catalog, routes, json.dumps(described, ensure_ascii=False).encode(), app)


class Reloader:
    """Keeps the routes of one service current."""

    def __init__(self, service: Service, poll: float) -> None:
        self._service = service
        self._poll = poll
        self._lock = asyncio.Lock()
        self._is_listening = False

    async def refresh(self, seen: RouteSet) -> None:
        """Take over what is deployed, unless somebody has replaced `seen` meanwhile. Failures are told, not raised."""
        async with self._lock:
            if self._service.current is not seen:
                return
            try:
                replacement = await load(self._service)
            except psycopg.OperationalError as error:
                log.warning("the catalog could not be read: %s", type(error).__name__)
                return
            except CatalogError as error:
                self._keep(error.reasons)
                return
            except Exception as error:
                log.exception("the new routes could not be built")
                self._keep([f"the new routes could not be built: {type(error).__name__}"])
                return
            self._service.stale = []
            if replacement.catalog != seen.catalog:
                self._service.current = replacement
                log.info("routes replaced", extra={"routes": len(replacement.routes)})

    def _keep(self, reasons: list[str]) -> None:
        if reasons != self._service.stale:
            for reason in reasons:
                log.error("routes stay as they were: %s", reason)
        self._service.stale = reasons

    async def watch(self) -> None:
        """Follow deployments until cancelled."""
        while True:
            with suppress(psycopg.Error, OSError):
                await self._follow()
            if self._is_listening:
                log.warning("the connection that hears of new functions was lost")
                self._is_listening = False
            await asyncio.sleep(RECONNECT_AFTER * random.uniform(0.8, 1.2))  # noqa: S311 no secret

    async def _follow(self) -> None:
        async with await AsyncConnection.connect(self._service.database.dsn, autocommit=True) as connection:
            async with asyncio.timeout(STATEMENT_TIMEOUT):
                await connection.execute(b"listen " + CHANNEL)
            self._is_listening = True
            await self._hear(connection)

    async def _hear(self, connection: AsyncConnection[tuple[str | None]]) -> None:
        while True:
            current = self._service.current
            async with asyncio.timeout(STATEMENT_TIMEOUT):
                digest = await facts.read_digest(connection)
            if self._service.stale or digest != current.catalog.digest:
                await self.refresh(current)
            async for _ in connection.notifies(timeout=self._poll, stop_after=1):
                await self.refresh(self._service.current)
