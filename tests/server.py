"""The real service for HTTP tests: `pgroster serve` as a process of its own on a free port, stopped by SIGTERM."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api import ROOT
from tests.databases import TestDatabase
from tests.waiting import until

READY_SECONDS = 60
STOP_SECONDS = 30
PROXY = {"PGROSTER_TRUSTED_PROXIES": "127.0.0.1/32"}
"""Environment of a service that believes that its clients have addresses of their own, and so lets them race: the count
of an address is locked until its request ends, so requests of one address never meet."""
UNWANTED = ("PGROSTER_", "PG", "DATABASE_", "MAKE", "MFLAGS", "ARGS", "JOBS", "PYTEST_")


@dataclass(frozen=True)
class Service:
    """A running service: its address, a client, its log, its process, and the database behind it as superuser."""

    base_url: str
    client: httpx.Client
    log: Path
    process: "subprocess.Popen[bytes]"
    database: psycopg.Connection[Any]
    admin_dsn: str
    var: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)


StartService = Callable[..., Service]


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment without anything that would steer pgroster, libpq or make, with changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    return kept | changes


def pgroster(*arguments: str) -> list[str]:
    """The command line that runs pgroster from this clone."""
    return [sys.executable, "-m", "api.cli", *arguments]


@contextmanager
def told(log: Path) -> Iterator[None]:
    """Let a failure tell what a log says."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text()}") from None


@contextmanager
def serving(database: TestDatabase, directory: Path, **environment: str) -> Iterator[Service]:
    """Run the service on a database until the block ends; then it has to stop cleanly.

    Limits are raised out of the way before it starts. `environment` adds settings; `directory` gets VAR and the log.
    """
    database.admin.execute("update app.rate_limit_policies set quota = 1000000")
    port = int(environment.get("PGROSTER_PORT") or free_port())
    settings = {
        "DATABASE_URL": database.admin_dsn,
        "PGROSTER_AUTHENTICATOR_PASSWORD": "not asked for over the socket",
        "PGROSTER_PORT": str(port),
        "PGROSTER_VAR": str(directory / "var"),
        "PGROSTER_RELOAD_POLL": "0.2",
    }
    log = directory / "service.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            pgroster("serve"), cwd=ROOT, env=clean_environment(**settings | environment), stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    # Given up before the service closes it; by default httpx does in the same moment, and a request would meet the end.
    limits = httpx.Limits(keepalive_expiry=3)
    with httpx.Client(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        service = Service(url, client, log, process, database.admin, database.admin_dsn, directory / "var")
        try:
            with told(log):
                until(lambda: is_ready(service), READY_SECONDS, "service ready")
            yield service
            if process.poll() is None:
                assert service.stop() == 0, log.read_text()
                assert "Traceback" not in log.read_text(), log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def is_ready(service: Service) -> bool:
    """Whether the service says so; fails when it has ended instead."""
    assert service.process.poll() is None, "the service ended"
    try:
        return service.client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def start_service(database: TestDatabase, tmp_path: Path) -> Iterator[StartService]:
    """Starts services on this test's database; keyword arguments are environment variables, PGROSTER_WORKERS="2"."""
    with ExitStack() as running:
        yield lambda **environment: running.enter_context(serving(database, tmp_path, **environment))


@pytest.fixture
def service(start_service: StartService) -> Service:
    """A service with a database of this test's own."""
    return start_service()


@pytest.fixture(scope="module")
def shared_service(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service and database for the tests of a module, for those that leave each other alone."""
    with serving(module_database, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def racing_service(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same for tests whose clients have addresses of their own, so that they race without meeting at a limit."""
    with serving(module_database, tmp_path_factory.mktemp("service"), **PROXY) as service:
        yield service
