"""Connections: how many there may be, who goes where there is no room, and what a stop lets end."""

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from api.connection import ANSWER_SECONDS
from api.serve import DRAIN_SECONDS
from tests.commands import Installation, one_line
from tests.databases import TestDatabase
from tests.faults import connections, workers
from tests.people import member, one
from tests.server import PROXY, STOP_SECONDS, Service, StartService, serving
from tests.sources import Sources, route
from tests.waiting import together, until
from tests.wire import Line, exchange, line

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
ME = b"GET /v1/me HTTP/1.1\r\nHost: x\r\n"
HALF = ME + b"Authorization: Bear"
BODYLESS = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"
LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
PLACES = 20
CROWD = 3000
CLIENTS = 12
LOCK = 424
PATIENT = route(
    "patient() returns void",
    f"while not pg_try_advisory_xact_lock_shared({LOCK}) loop perform pg_sleep(0.02); end loop;",
    "@http POST /v1/patient",
)
WAITING = """
    select count(*) from pg_stat_activity
    where usename = 'roster_authenticator' and state = 'active' and query like '%%api.patient%%'"""


@pytest.fixture(scope="module")
def small(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for twenty connections at a time, with a route that waits for a lock."""
    directory = tmp_path_factory.mktemp("small")
    sources = Sources(directory)
    sources.write(PATIENT)
    sources.deploy(module_database.admin_dsn)
    settings = {"CLIENT_CONNECTIONS": PLACES, "POOL_SIZE": 2 * PLACES, "REQUEST_TIMEOUT": 120}
    more = {f"PGROSTER_{name}": str(value) for name, value in settings.items()}
    with serving(module_database, directory, **PROXY, **more) as service:
        yield service


def lines(service: Service, count: int, held: ExitStack) -> list[Line]:
    """That many connections, kept until the stack ends."""
    return [held.enter_context(line(service)) for _ in range(count)]


def is_open(connection: Line) -> bool:
    """Whether the other side still has a connection and has said nothing on it."""
    connection.socket.setblocking(False)
    try:
        return connection.socket.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    finally:
        connection.socket.settimeout(60)


def is_refused(service: Service) -> bool:
    """Whether nobody listens any more."""
    try:
        with line(service):
            return False
    except ConnectionRefusedError:
        return True


def deaf(service: Service, held: ExitStack) -> Line:
    """A connection of somebody who asks for much and reads nothing."""
    address = urlsplit(service.base_url)
    connection = held.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((address.hostname, address.port))
    return Line(connection).send(LARGE)


# Room


def test_who_does_nothing_goes_first_and_whose_request_does_not_arrive_next(small: Service) -> None:
    """BR-424."""
    with ExitStack() as held:
        first, *rest = lines(small, PLACES // 2, held)
        for connection in (first, *rest):
            assert connection.send(LIVE).answer().status == 200
        halves = lines(small, PLACES - len(rest) - 1, held)
        for half in halves:
            half.send(HALF)
        newest = lines(small, len(rest) + 1, held)
        for connection in newest:
            assert connection.send(LIVE).answer().status == 200
        assert first.rest() == b"" and all(connection.rest() == b"" for connection in rest), "without a word"
        assert all(is_open(half) for half in halves), "there was room without them"
        with line(small) as another:
            assert another.send(HALF, b"er x\r\n\r\n").answer().problem == (401, "token_invalid")


def test_thousands_that_never_end_their_requests_take_each_others_places(
    module_database: TestDatabase, tmp_path: Path
) -> None:
    """BR-424."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * CROWD), hard))
    settings = {"PGROSTER_CLIENT_CONNECTIONS": "500", "PGROSTER_REQUEST_TIMEOUT": "600"}
    try:
        with serving(module_database, tmp_path, **PROXY, **settings) as service, ExitStack() as held:
            ann = member(service)
            for number, connection in enumerate(lines(service, CROWD, held)):
                connection.send(HALF if number % 2 else BODYLESS)
                if number % 100 == 0:
                    assert ann.get("/v1/me").status_code == 200
                    assert exchange(service, LIVE).status == 200
            assert len(list(Path(f"/proc/{service.process.pid}/fd").iterdir())) < 500 + 128
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_goes_in_the_middle_of_a_request_is_told_when_to_come_back(small: Service) -> None:
    """BR-424: whether the head or the body is missing."""
    for part in (HALF, BODYLESS):
        with ExitStack() as held:
            slow = held.enter_context(line(small)).send(part)
            for connection in lines(small, PLACES, held):
                connection.send(HALF)
            answer = slow.answer()
            assert answer.problem == (503, "busy")
            assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
            assert slow.rest() == b""


def test_where_everybody_is_being_answered_the_next_is_told_so_and_health_is_not(small: Service) -> None:
    """BR-424: nobody who is being answered goes."""
    with ExitStack() as held, psycopg.connect(small.admin_dsn) as holder:
        holder.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        busy = lines(small, PLACES, held)
        for number, connection in enumerate(busy):
            head = f"POST /v1/patient HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.{number}\r\n\r\n"
            connection.send(head.encode())
        until(lambda: one(small, WAITING) == PLACES, 30, "everybody waits for an answer")
        for _ in range(3):
            answer = exchange(small, ME + b"\r\n")
            assert answer.problem == (503, "busy") and answer.headers["retry-after"] == "1"
            assert exchange(small, LIVE).status == 200
        assert one(small, WAITING) == PLACES
        holder.rollback()
        assert [connection.answer().status for connection in busy] == [204] * PLACES
        assert exchange(small, ME + b"\r\n").status == 401, "now there is room again"


def test_who_does_not_take_an_answer_goes_where_there_is_no_room(small: Service) -> None:
    """BR-424."""
    with ExitStack() as held:
        for _ in range(PLACES):
            deaf(small, held)
        until(lambda: exchange(small, ME + b"\r\n").status == 401, 30, "somebody has gone")
        assert exchange(small, LIVE).status == 200


@pytest.mark.slow
def test_an_answer_that_nobody_takes_is_given_up(small: Service) -> None:
    """BR-425."""
    with ExitStack() as held:
        deaf(small, held), deaf(small, held).send(LARGE * 3)
        until(lambda: not connections(small), ANSWER_SECONDS + 60, "the service has closed them")


def test_more_connections_than_files_can_be_opened_are_refused_at_start(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= 100_000:
        pytest.skip("this account may open any number of files")
    done = Installation(tmp_path / "var", more={"PGROSTER_CLIENT_CONNECTIONS": str(hard)}).run("serve", "--migrate")
    assert done.returncode == 2
    assert "PGROSTER_CLIENT_CONNECTIONS" in one_line(done) and "ulimit" in done.stderr


# Stop


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_request_that_is_on_its_way_at_a_stop_is_answered(start_service: StartService, processes: str) -> None:
    """BR-426: clients that go on asking over open connections are told to go, and never find theirs just closed."""
    service = start_service(PGROSTER_WORKERS=processes, **PROXY)
    counts = [0] * CLIENTS

    def ask(number: int) -> None:
        with line(service) as connection:
            while is_open(connection):
                answer = connection.send(ME + b"\r\n").answer()
                assert answer.status == 401
                counts[number] += 1
                if answer.headers.get("connection") == "close":
                    return

    def stop() -> None:
        until(lambda: min(counts) > 5, 60, "a load")
        assert service.stop() == 0

    together(*[partial(ask, number) for number in range(CLIENTS)], stop)


def test_a_worker_that_is_stopped_alone_loses_no_request_and_is_replaced(start_service: StartService) -> None:
    """BR-426: its clients find the others by connecting again, as they are told."""
    service = start_service(PGROSTER_WORKERS="2", **PROXY)
    before = workers(service)
    is_over = threading.Event()
    counts = [0] * CLIENTS

    def ask(number: int) -> None:
        while not is_over.is_set():
            with line(service) as connection:
                while not is_over.is_set() and is_open(connection):
                    answer = connection.send(ME + b"\r\n").answer()
                    assert answer.status == 401
                    counts[number] += 1
                    if answer.headers.get("connection") == "close":
                        break

    def stop() -> None:
        try:
            for worker in before:
                goal = sum(counts) + 200
                until(lambda: sum(counts) > goal, 60, "a load")  # noqa: B023 called at once
                os.kill(worker, signal.SIGTERM)
                until(lambda: worker not in workers(service) and len(workers(service)) == 2, 60, "replaced")  # noqa: B023
        finally:
            is_over.set()

    together(*[partial(ask, number) for number in range(CLIENTS)], stop)


def test_what_has_half_arrived_at_a_stop_may_still_arrive_and_is_refused_if_it_does_not(service: Service) -> None:
    """BR-426."""
    with ExitStack() as held:
        head, body, late = lines(service, 3, held)
        head.send(HALF), body.send(BODYLESS), late.send(HALF)
        until(lambda: sum(connections(service).values()) >= 3, 30, "they are connected")
        assert exchange(service, LIVE).status == 200, "and have been read"
        service.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(service), 30, "the service takes no new connections")
        answer = late.send(b"er x\r\n\r\n").answer()
        assert answer.problem == (401, "token_invalid") and answer.headers["connection"] == "close"
        for half in (head, body):
            assert half.answer().problem == (408, "request_timeout")
            assert half.rest() == b""
        assert service.process.wait(STOP_SECONDS) == 0


@pytest.mark.slow
def test_a_stop_does_not_wait_for_who_reads_nothing(service: Service) -> None:
    """BR-426."""
    with ExitStack() as held:
        deaf(service, held), deaf(service, held).send(LARGE * 3)
        until(lambda: sum(connections(service).values()) >= 2, 30, "they are connected")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(DRAIN_SECONDS + 60) == 0
        assert "timeout graceful shutdown exceeded" not in service.log.read_text()
