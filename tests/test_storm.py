"""kill -9 of everything at any moment of a mixed load: what was answered is there, and nothing is broken."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest

from api.embedded import Server
from api.settings import OperatorError
from tests.faults import connected, is_running, kill_database, own_server, start_database, workers
from tests.invariants import broken
from tests.journal import Journal, contradictions
from tests.outbox import later
from tests.people import one
from tests.server import PROXY, Service, free_port, serving
from tests.storm import Actor
from tests.waiting import until

ACTORS = 8
RESTARTS = 10
SETTLE_SECONDS = 60
LOAD_SECONDS = 900


class Operator:
    """Keeps a service and its server running, as systemd does; `service` is the one of the moment."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.environment = {
            "PGROSTER_WORKERS": "2",
            "PGROSTER_PORT": str(free_port()),
            "PGROSTER_VAR": str(directory / "var"),
            "PGROSTER_HASH_QUEUE": "1000",
            **PROXY,
        }
        self._starts = 0
        self._running = ExitStack()
        self.service = self._start()

    def restart_service(self) -> None:
        """Start the service again after its end."""
        self._running.close()
        self.service = self._start()

    def close(self) -> None:
        """Stop the service, which has to end cleanly."""
        self._running.close()

    def _start(self) -> Service:
        for _ in range(RESTARTS):
            self._starts += 1
            directory = self.directory / f"start{self._starts}"
            directory.mkdir()
            with suppress(AssertionError, psycopg.OperationalError), ExitStack() as stack:
                database = stack.enter_context(connected(self.server))
                service = stack.enter_context(serving(database, directory, **self.environment))
                database.admin.execute("update app.rate_limit_policies set quota = 3 where name = 'mail'")
                self._running = stack.pop_all()
                return service
        raise AssertionError(f"the service does not start any more\n{(directory / 'service.log').read_text()}")


def kill_worker(operator: Operator, chance: random.Random) -> None:
    """The service's own supervisor replaces it."""
    if pids := workers(operator.service):
        os.kill(chance.choice(pids), signal.SIGKILL)


def kill_service(operator: Operator, chance: random.Random) -> None:
    """Somebody has to start it again."""
    pids = workers(operator.service)
    operator.service.stop(signal.SIGKILL)
    until(lambda: not any(is_running(pid) for pid in pids), 60, "the workers have followed")
    operator.restart_service()


def kill_backend(operator: Operator, chance: random.Random) -> None:
    """The server ends all others and recovers by itself."""
    with suppress(psycopg.OperationalError), psycopg.connect(operator.server.admin_dsn, autocommit=True) as admin:
        query = "select pid from pg_stat_activity where usename = 'roster_authenticator'"
        backends = [pid for (pid,) in admin.execute(query).fetchall()]
        if backends:
            os.kill(chance.choice(backends), signal.SIGKILL)


def kill_postmaster(operator: Operator, chance: random.Random) -> None:
    """Its children notice and end; somebody has to start it again."""
    assert operator.server.cluster
    postmaster = int((operator.server.cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: not is_running(postmaster), 10, "the postmaster is gone")
    start(operator)


def cut_power(operator: Operator, chance: random.Random) -> None:
    """All of the server at once."""
    kill_database(operator.server)
    start(operator)


def start(operator: Operator) -> None:
    """Start the server again."""

    def attempt() -> bool:
        try:
            start_database(operator.server)
        except OperatorError:
            return False
        return True

    until(attempt, 120, "the server has started")


KILLS: list[Callable[[Operator, random.Random], None]] = [
    kill_worker,
    kill_service,
    kill_backend,
    kill_postmaster,
    cut_power,
]


@contextmanager
def operated(server: Server, directory: Path) -> Iterator[Operator]:
    """A service of two workers on a durable server, with limits on mail that are reached."""
    operator = Operator(server, directory)
    try:
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            admin.execute("update app.settings set refresh_retry_grace = '60 seconds'")
        yield operator
    finally:
        operator.close()


def rage(operator: Operator, journal: Journal, operations: int, kills: int, seed: int) -> None:
    """The load, and the kills at moments that are spread over it by chance."""
    chance = random.Random(seed)  # noqa: S311 no secret
    moments = sorted(chance.sample(range(operations // 20, operations * 9 // 10), kills))
    means = [KILLS[number % len(KILLS)] for number in range(kills)]
    chance.shuffle(means)
    actors = [Actor(lambda: operator.service, journal, seed * 1000 + number) for number in range(ACTORS)]
    with ThreadPoolExecutor(ACTORS) as pool:
        parts = [pool.submit(actor.play, -(-operations // ACTORS)) for actor in actors]
        for moment, kill in zip(moments, means, strict=True):
            until(partial(has_come, journal, parts, moment), LOAD_SECONDS, "the load goes on")
            print(f"after {len(journal.entries)} operations: {kill.__name__}")
            kill(operator, chance)
        for part in parts:
            part.result(LOAD_SECONDS)


def has_come(journal: Journal, parts: list[Future[None]], moment: int) -> bool:
    """Whether so many operations are done, or an actor has given up."""
    return len(journal.entries) >= moment or any(part.done() for part in parts)


def check(operator: Operator, journal: Journal, seed: int) -> None:
    """What was answered is in the log, nothing is there by halves, and every invariant holds."""
    until(lambda: operator.service.client.get("/health/ready").status_code == 200, SETTLE_SECONDS, "ready")
    with psycopg.connect(operator.server.admin_dsn, autocommit=True) as admin:
        service = Service(**{**vars(operator.service), "database": admin})
        active = """select count(*) from pg_stat_activity
                    where usename = 'roster_authenticator' and state <> 'idle' and query !~ '^listen'"""
        until(lambda: one(service, active) == 0, SETTLE_SECONDS, "no statement is under way any more")
        assert journal.complaints == []
        assert contradictions(journal, admin) == [], f"seed {seed}"
        with later(service, "20 minutes"):  # leases and grace windows are over
            undone = "select count(*) from app.outbox where next_attempt_at is not null"
            until(lambda: one(service, undone) == 0, 120, "every message is done")
            admin.execute("select admin.run_due_jobs()")
            assert broken(admin) == [], f"seed {seed}"
        sent = {
            f"{id}.eml" for (id,) in admin.execute("select id from app.outbox where sent_at is not null").fetchall()
        }
        assert sent <= {path.name for path in (operator.directory / "var" / "mail").iterdir()}, "what was sent is there"


def storm(directory: Path, operations: int, kills: int) -> None:
    """One storm; its seed is told, and can be given as STORM_SEED."""
    seed = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(10**6))
    print(f"STORM_SEED={seed}")
    journal = Journal()
    with own_server() as server, operated(server, directory) as operator:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert one(operator.service, f"select current_setting('{setting}')") == "on"
        rage(operator, journal, operations, kills, seed)
        assert len(journal.entries) >= operations
        check(operator, journal, seed)
    unknown = sum(entry.status is None for entry in journal.entries)
    print(f"{len(journal.entries)} operations, {unknown} without an answer")
    assert unknown < len(journal.entries) / 2, "most of it was answered"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_random_moments_lose_nothing_that_was_acknowledged_and_break_nothing(tmp_path: Path) -> None:
    storm(tmp_path, operations=2000, kills=15)
