"""The ASGI application that uvicorn serves: `api.app:create_app`.

It owns what outlives a set of routes (pool, threads, keys) and hands each request to the set of the moment, wrapped
in what every answer has: a request id, plain headers, a line in the log.
"""

import asyncio
import logging
import random
import time
from typing import Any

import psycopg

from api import delivery, logs
from api.answers import of_problem
from api.client import EXCHANGE, Exchange, address, request_id
from api.database import Database
from api.embedded import locate
from api.errors import Problem
from api.keyring import Keyring
from api.operations import CatalogError
from api.passwords import Hasher
from api.reload import Reloader, load
from api.sealing import Sealer
from api.settings import OperatorError, Settings
from api.settings import load as load_settings
from api.state import RouteSet, Service
from api.statements import Statement
from api.tokens import Tokens
from api.visits import counting

log = logging.getLogger("pgroster")
access_log = logging.getLogger("pgroster.request")

JOBS_EVERY = 30.0
"""Seconds between two calls of the database's own jobs; several workers share them by a lock in the database."""
_RUN_JOB = Statement(b"select admin.run_due_job()")


def create_app(settings: Settings | None = None, api_dsn: str | None = None) -> "Application":
    """The application of one worker process. Reads the environment where nothing is given. Raises OperatorError."""
    settings = settings or load_settings()
    return Application(settings, api_dsn or locate(settings).api_dsn)


class Application:
    """Serves HTTP; its lifespan opens and closes everything."""

    def __init__(self, settings: Settings, api_dsn: str) -> None:
        self._settings = settings
        self._dsn = api_dsn
        self._service: Service | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        service = self._service
        if service is None:
            raise RuntimeError("the application was not started: the server has to run its lifespan")
        headers = dict(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else None
        exchange = Exchange(request_id(headers), address(peer, scope["headers"], self._settings.trusted_proxies))
        scope[EXCHANGE] = exchange
        logs.request_id.set(exchange.request_id)
        own = [(b"x-request-id", exchange.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        status = 500

        async def send_with_own(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        send_counted = counting(service, exchange, scope, send_with_own)
        try:
            if _is_canonical(scope["path"]):
                await service.current.app(scope, receive, send_counted)
            else:
                answer = of_problem(Problem("not_found"), service.current.problems, exchange.request_id)
                await answer(scope, receive, send_counted)
        finally:
            handler = scope.get("route_handler")
            access_log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "route": handler.opt.get("template") if handler is not None else None,
                    "status": status,
                    "milliseconds": round((time.perf_counter() - started) * 1000, 2),
                    "user": exchange.user,
                },
            )

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self._start()
        except CatalogError as error:
            for reason in error.reasons:
                log.critical(reason)
        except OperatorError as error:
            log.critical(str(error))
        except psycopg.ProgrammingError as error:
            log.critical("the database lacks functions (%s); run: pgroster migrate", _first_line(error))
        except psycopg.Error as error:
            log.critical("the database cannot be used: %s", _first_line(error))
        else:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await self._stop()
        await send({"type": "lifespan.startup.failed", "message": "the service did not start; see above"})

    async def _start(self) -> None:
        settings = self._settings
        keyring = Keyring(settings.var / "keys")
        service = Service(
            settings=settings,
            database=Database(self._dsn, settings.pool_size),
            hasher=Hasher(
                settings.hash_concurrency,
                settings.hash_queue,
                settings.argon2_memory_kib,
                settings.argon2_time_cost,
                settings.argon2_parallelism,
            ),
            keyring=keyring,
            tokens=Tokens(keyring.keys, settings.origin, settings.audience, keyring.changed),
            sealer=Sealer(settings.sealing_keys),
            refresh=self._refresh,
        )
        self._service = service
        service.current = await load(service)
        courier = await delivery.prepare(settings, service.database.dsn)
        await service.database.open()
        self._reloader = Reloader(service, settings.reload_poll)
        background = (self._reloader.watch(), _watch_keys(service), _run_jobs(service), delivery.run(courier))
        self._tasks = [asyncio.create_task(each) for each in background]

    async def _refresh(self, seen: RouteSet) -> None:
        await self._reloader.refresh(seen)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._service is not None:
            await self._service.database.close()
            self._service.hasher.close()


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


def _is_canonical(path: str) -> bool:
    """Whether a path is written the one way that routes know; Litestar alone would take // and a trailing slash."""
    return "//" not in path and (path == "/" or not path.endswith("/"))


async def _watch_keys(service: Service) -> None:
    while True:
        await asyncio.sleep(service.settings.reload_poll)
        service.tokens.take_over()


async def _run_jobs(service: Service) -> None:
    while True:
        await asyncio.sleep(JOBS_EVERY * random.uniform(0.8, 1.2))  # noqa: S311 no secret
        try:
            while await service.database.value(_RUN_JOB):
                pass
        except Exception as error:
            log.warning("jobs did not run: %s", getattr(error, "code", type(error).__name__))
