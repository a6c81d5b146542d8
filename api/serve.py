"""Serving over HTTP: one process or several behind one socket, until a signal says stop."""

import http.client
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from api import logs
from api.protocol import Protocol
from api.servers import PROTECTION
from api.settings import OTHER_FILES, SHARED_COUNTS, OperatorError, Settings, local_url

if TYPE_CHECKING:
    from api.app import Application

log = logging.getLogger("pgroster.serve")

DRAIN_SECONDS = 30
KEEP_ALIVE_SECONDS = 5
"""How long a connection may do nothing between two requests."""
READY_SECONDS = 60
STARTUP_FAILURE = 3  # uvicorn's: a worker that ends with it is not started again


def open_socket(settings: Settings) -> socket.socket:
    """Reserve the address before anything heavy starts. Raises OperatorError where it is taken or somebody else's."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    where = f"{settings.host}:{settings.port}"
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        reason = error.strerror if error.errno else str(error)
        raise OperatorError(f"can't listen on {where}: {reason}; choose another with --port or --host") from None
    return listener


def stop_on_signals() -> None:
    """From now on a signal to stop unwinds whatever is going on, so that what was started is stopped."""

    def stop(number: int, frame: object) -> None:
        ignore_signals()
        raise SystemExit(0)

    for each in stop_signals():
        signal.signal(each, stop)


def ignore_signals() -> None:
    """From now on nothing interrupts the clearing up; uvicorn, while it runs, handles signals itself."""
    for each in stop_signals():
        signal.signal(each, lambda number, frame: None)


def stop_signals() -> list[signal.Signals]:
    """The signals that ask to stop; a hang-up is none under nohup."""
    asked = [signal.SIGINT, signal.SIGTERM]
    return asked if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [*asked, signal.SIGHUP]


def run(settings: Settings, listener: socket.socket, danger: str | None, when_ready: Callable[[], None]) -> None:
    """Serve until a signal, then let running requests end. Raises SystemExit where the service could not start.

    `danger`: what could happen to its connections to the database, for the log.
    """
    config = uvicorn.Config(
        "api.serve:application",
        factory=True,
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",  # uvicorn takes a failure there for a missing lifespan, and would serve what did not start
        workers=settings.workers,
        proxy_headers=False,  # whose headers to trust is decided by PGROSTER_TRUSTED_PROXIES, for each request
        server_header=False,
        access_log=False,  # the service writes its own lines, with request ids
        log_config=logs.configuration(settings),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    try:
        listener.listen(config.backlog)
    except OSError as error:
        raise OperatorError(f"can't listen on {settings.host}:{settings.port}: {error.strerror}") from None
    if danger is not None:
        log.warning("the way to the database is not safe: %s; %s", danger, PROTECTION)
    threading.Thread(target=announce, args=(settings, when_ready), daemon=True).start()
    ignore_signals()
    if settings.workers > 1:
        share_counts(settings)
    if settings.workers == 1:
        server = uvicorn.Server(config)
        if signal.SIGHUP in stop_signals():
            signal.signal(signal.SIGHUP, server.handle_exit)
        server.run(sockets=[listener])
    else:
        supervisor = Supervisor(config, sockets=[listener])
        supervisor.run()
        if not supervisor.has_served and any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
            raise SystemExit(STARTUP_FAILURE)


def allow_files(settings: Settings) -> None:
    """Let each process have as many open files as its connections need. Raises OperatorError where that is too many."""
    needed = settings.client_connections + settings.pool_size + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise OperatorError(
            f"PGROSTER_CLIENT_CONNECTIONS: {settings.client_connections} connections take {needed} open files and a"
            f" process may have {hard}; lower it, or raise that limit (ulimit -Hn)",
            2,
        )
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def share_counts(settings: Settings) -> None:
    """Have the workers that are started from now on count into files of one directory, which is made anew."""
    directory = settings.var / "metrics" / str(settings.port)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    os.environ[SHARED_COUNTS] = str(directory)


class Supervisor(Multiprocess):
    """uvicorn's supervisor of several workers, for which a closed terminal means to stop."""

    has_served = False

    def handle_hup(self) -> None:
        """Stop instead of replacing the workers."""
        self.handle_term()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died, also while they cannot start: the others serve on, and the database comes back.

        uvicorn stops them all with one that does not start; here that holds until one has been ready: they share their
        settings, and to wait for the slowest would leave the moments after a start open.
        """
        if self.should_exit.is_set():
            return
        self.has_served = self.has_served or any(worker.is_ready() for worker in self.processes)
        super().keep_subprocess_alive()
        if self.has_served and self.should_exit.is_set():  # by such a worker: signals are handled elsewhere
            self.should_exit.clear()
            for position, worker in enumerate(self.processes):
                if worker.exitcode == STARTUP_FAILURE:
                    log.warning("a worker that could not start is tried again")
                    self.processes[position] = Process(self.config, self.sockets)
                    self.processes[position].start()


def application() -> "Application":
    """The application of one process; uvicorn calls this in each."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        for each in (signal.SIGINT, signal.SIGHUP):  # the terminal tells every process; the supervisor passes it on
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=follow, args=(supervisor,), daemon=True).start()
    from api.app import create_app  # not needed by a supervisor

    try:
        return create_app()
    except OperatorError as error:
        print(f"pgroster: {error}", file=sys.stderr)
        raise SystemExit(STARTUP_FAILURE) from None


def follow(supervisor: multiprocessing.process.BaseProcess) -> None:
    """Stop this worker when its supervisor has been killed, or it would keep the port."""
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)


def announce(settings: Settings, when_ready: Callable[[], None]) -> None:
    """Call back once the service answers: the socket is open already, so the first request waits for that."""
    if answers(settings, READY_SECONDS):
        when_ready()


def answers(settings: Settings, seconds: float = 2) -> bool:
    """Whether an HTTP service answers on the configured address within so many seconds."""
    parts = urlsplit(local_url(settings.host, settings.port))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
