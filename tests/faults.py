"""Servers of a test's own that may be killed, and processes that are told apart by the connections they hold."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from api import cluster as clusters
from api.embedded import Server, throwaway
from api.migrate import migrate
from tests.databases import TestDatabase
from tests.server import Service
from tests.waiting import until

ESTABLISHED = "01"


@contextmanager
def own_server(configuration: dict[str, str] | None = None) -> Iterator[Server]:
    """A migrated PostgreSQL server that nobody else uses."""
    with throwaway(configuration) as server:
        migrate(server.admin_dsn)
        yield server


@contextmanager
def connected(server: Server) -> Iterator[TestDatabase]:
    """The database of one's own server as `serving()` wants it."""
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        yield TestDatabase("user_management", server.admin_dsn, server.api_dsn, admin)


def kill_database(server: Server) -> None:
    """Kill a server whose process runs as a power cut would."""
    assert server.cluster
    kill_postmaster(server.cluster.data)


def kill_postmaster(data: Path) -> None:
    """Kill the postmaster of a data directory and all of its children, and wait until they are gone."""
    postmaster = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    assert postmaster > 1, "a process, never a group of them"
    os.kill(postmaster, signal.SIGSTOP)
    family = [*children(postmaster), postmaster]
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(is_running(pid) for pid in family), 10, "the server's processes are gone")


def start_database(server: Server) -> None:
    """Start a server again."""
    assert server.cluster
    clusters.start(server.cluster)


def stop_database(server: Server) -> None:
    """Stop a server the way an operator does."""
    assert server.cluster
    clusters.stop(server.cluster)


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def workers(service: Service) -> list[int]:
    """The processes of a service of several that answer requests; another child is multiprocessing's own."""
    return [pid for pid in children(service.process.pid) if is_worker(pid)]


def is_worker(pid: int) -> bool:
    """Whether a child of a service is there and answers requests."""
    try:
        return is_running(pid) and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def is_running(pid: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def connections(service: Service) -> dict[int, int]:
    """How many connections of clients each process of a service holds."""
    port = f":{service.client.base_url.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == ESTABLISHED}
    held: dict[int, int] = {}
    for pid in [service.process.pid, *children(service.process.pid)]:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                held[pid] = held.get(pid, 0) + (os.readlink(descriptor) in sockets)
            except FileNotFoundError:
                continue
    return {pid: count for pid, count in held.items() if count}
