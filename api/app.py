"""The ASGI application that uvicorn serves: `api.app:create_app`.

It owns what outlives a set of routes (pool, threads, keys) and hands each request to the set of the moment, wrapped
in what every answer has: a request id, plain headers, a line in the log.
"""

import asyncio
import logging
import random
import time
from typing import Any
from uuid import uuid4

import psycopg

from api import delivery, headers, logs, metrics
from api.answers import of_problem
from api.client import EXCHANGE, Exchange, address, request_id
from api.database import Database
from api.embedded import locate
from api.errors import RETRY_AFTER, Problem
from api.keyring import Keyring
from api.operations import CatalogError
from api.passwords import Hasher
from api.reload import Reloader, load
from api.room import Room
from api.sealing import Sealer
from api.settings import OperatorError, Settings
from api.settings import load as load_settings
from api.state import RouteSet, Service
from api.statements import Statement
from api.tokens import Tokens
from api.visits import counting

log = logging.getLogger("pgroster")
access_log = logging.getLogger("pgroster.request")

JOBS_EVERY = 20.0
"""Seconds between two looks for due jobs; several workers share them by a lock in the database."""
JOBS_SPREAD = (0.8, 1.2)
"""Least and greatest part of that: workers that start together do not look together for ever."""
_RUN_JOB = Statement(b"select admin.run_due_job()")


def create_app(settings: Settings | None = None, api_dsn: str | None = None) -> "Application":
    """The application of one worker process. Reads the environment where nothing is given. Raises OperatorError."""
    settings = settings or load_settings()
    return Application(settings, api_dsn or locate(settings).api_dsn)


class Application:
    """Serves HTTP; its lifespan opens and closes everything."""

    def __init__(self, settings: Settings, api_dsn: str) -> None:
        self.request_timeout = settings.request_timeout
        self.room = Room(settings.client_connections)
        self._settings = settings
        self._usual = headers.usual(settings)
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
        given = headers.combined(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else None
        exchange = Exchange(request_id(given), address(peer, scope["headers"], self._settings.trusted_proxies), given)
        scope[EXCHANGE] = exchange
        logs.request_id.set(exchange.request_id)
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in given
        status = 500

        async def send_completed(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = headers.complete(message["headers"], exchange.request_id, self._usual)
                message["headers"] += headers.shared(
                    given.get(b"origin"), is_preflight, message["headers"], self._settings
                )
            await send(message)

        send_counted = counting(service, exchange, scope, send_completed)
        try:
            if code := headers.flaw(scope, given):
                answer = of_problem(Problem(code), service.current.problems, exchange.request_id)
                await answer(scope, receive, send_counted)
            else:
                await service.current.app(scope, receive, send_counted)
        finally:
            handler = scope.get("route_handler")
            route = handler.opt.get("template") if handler is not None else None
            seconds = time.perf_counter() - started
            metrics.count(scope["method"], route, status, seconds)
            access_log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                    "user": exchange.user,
                },
            )

    def refusal(self, code: str) -> tuple[int, headers.Headers, bytes]:
        """The answer to what is no proper request, for the protocol to send."""
        given = str(uuid4())
        problems = self._service.current.problems if self._service is not None else {}
        answer = of_problem(Problem(code, headers=dict(RETRY_AFTER) if code == "busy" else {}), problems, given)
        metrics.count_refusal(answer.status)
        access_log.info("request", extra={"status": answer.status, "code": code, "request_id": given})
        return answer.status, headers.complete(answer.headers, given, self._usual), answer.body

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
        service.database.open()
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
            self._service.database.close()
            self._service.hasher.close()


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


async def _watch_keys(service: Service) -> None:
    while True:
        await asyncio.sleep(service.settings.reload_poll)
        service.tokens.take_over()


async def _run_jobs(service: Service) -> None:
    while True:
        await asyncio.sleep(JOBS_EVERY * random.uniform(*JOBS_SPREAD))  # noqa: S311 no secret
        try:
            while await service.database.value(_RUN_JOB):
                pass
        except Exception as error:
            log.warning("jobs did not run: %s", getattr(error, "code", type(error).__name__))
