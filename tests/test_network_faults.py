"""A network between service and database that delays, resets and swallows: quick refusals, whole effects, recovery."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.database import STATEMENT_TIMEOUT
from tests.databases import TestDatabase
from tests.faults import own_server
from tests.people import Person, client_of, member, one, problem, rename
from tests.proxy import Proxy, proxy_before
from tests.server import PROXY, Service, free_port, serving
from tests.sources import Sources, route
from tests.waiting import together, until

SECRET = "the heron stands in the reeds"
SPARE_SECONDS = 8  # what a busy machine adds
RECOVERY_SECONDS = 10
AT_WORK = """
    select count(distinct query) from pg_stat_activity
    where usename = 'roster_authenticator' and query_start > clock_timestamp() - interval '7 seconds'
      and query ~ '(claim_message[(][)]|functions_digest from http[.]deployed)$'"""
HELLO = route("hello() returns text", "return 'hello';", "@http GET /v1/hello", volatility="stable")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Proxy]]:
    """A service that reaches its database over TCP, through a proxy."""
    port = free_port()
    with own_server({"fsync": "off", "listen_addresses": "'127.0.0.1'", "port": str(port)}) as server:
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin, proxy_before(port) as proxy:
            for role in ("postgres", "roster_authenticator"):
                admin.execute(f"alter role {role} password '{SECRET}'".encode())
            dsn = make_conninfo(
                host="127.0.0.1", port=proxy.port, user="postgres", password=SECRET, dbname="user_management"
            )
            database = TestDatabase("user_management", dsn, dsn, admin)
            with serving(
                database, tmp_path_factory.mktemp("service"), PGROSTER_AUTHENTICATOR_PASSWORD=SECRET, **PROXY
            ) as service:
                yield service, proxy


@pytest.fixture
def service(proxied: tuple[Service, Proxy]) -> Service:
    """The service, which has recovered from the test before, also where nobody asks for anything."""
    service = proxied[0]
    until(lambda: service.client.get("/health/ready").status_code == 200, 60, "ready")
    until(lambda: one(service, AT_WORK) == 2, 60, "it looks for mail and for new functions")
    return service


@pytest.fixture
def proxy(proxied: tuple[Service, Proxy]) -> Proxy:
    """The proxy."""
    return proxied[1]


def changes(service: Service, person: Person, name: str) -> tuple[bool, int]:
    """Whether somebody's first name is this, and how many rows of the log say that it became so."""
    is_there = one(service, "select first_name = %s is true from app.user_profiles where user_id = %s", name, person.id)
    logged = one(
        service,
        "select count(*) from audit.audit_logs where user_id = %s and new_values ->> 'first_name' = %s",
        person.id,
        name,
    )
    return is_there, logged


@contextmanager
def held(service: Service, person: Person) -> Iterator[None]:
    """Whoever wants to change this account waits while the block runs."""
    with psycopg.connect(service.database.info.dsn) as other:
        other.execute("select from app.users where id = %s for update", [person.id])
        yield


def is_waiting(service: Service) -> bool:
    """Whether the service waits for a lock."""
    query = (
        "select count(*) > 0 from pg_stat_activity where usename = 'roster_authenticator' and wait_event_type = 'Lock'"
    )
    return bool(one(service, query))


def test_a_slow_network_is_slow_and_nothing_else(service: Service, proxy: Proxy) -> None:
    ann = member(service)
    proxy.latency = 0.1
    try:
        for number in range(3):
            assert rename(ann, f"Ann{number}").status_code == 200
        assert ann.refresh().status_code == 200
        assert ann.client.get("/health/ready").status_code == 200
    finally:
        proxy.latency = 0.0


def test_a_connection_that_is_reset_in_the_middle_of_a_change_is_a_503_and_no_half_change(
    service: Service, proxy: Proxy
) -> None:
    ann, bob = member(service), member(service)

    def cut() -> None:
        until(partial(is_waiting, service), 15, "the change waits")
        proxy.reset()

    with held(service, ann):
        answer = together(partial(rename, ann, "Cut"), cut)[0]
    assert answer is not None
    assert problem(answer) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    until(lambda: not is_waiting(service), 15, "the server has noticed")
    until(lambda: changes(service, ann, "Cut") in ((True, 1), (False, 0)), 5, "all or nothing")
    until(lambda: rename(bob, "Bob").status_code == 200, RECOVERY_SECONDS, "the service has new connections")
    until(lambda: rename(ann, "Ann").status_code == 200, RECOVERY_SECONDS, "for everybody")


def test_a_primary_that_takes_no_changes_any_more_is_a_503_and_its_connections_are_given_up(service: Service) -> None:
    ann = member(service)
    backends = "select array_agg(pid order by pid) from pg_stat_activity where usename = 'roster_authenticator'"
    before = one(service, backends)
    service.database.execute("alter system set default_transaction_read_only = on")
    service.database.execute("select pg_reload_conf()")
    try:
        until(lambda: rename(ann, "Ro").status_code == 503, 5, "the server has read its configuration")
        for _ in range(12):
            answer = rename(ann, "Ro")
            assert problem(answer) in ((503, "database_unavailable"), (503, "busy"))
            assert int(answer.headers["retry-after"]) > 0
        ready = until(
            lambda: (
                (a := ann.client.get("/health/ready")).json().get("database", {}).get("status") == "read_only" and a
            ),
            RECOVERY_SECONDS,
        )
        assert ready and ready.status_code == 503
    finally:
        service.database.execute("set default_transaction_read_only = off")
        service.database.execute("alter system reset default_transaction_read_only")
        service.database.execute("select pg_reload_conf()")
    assert changes(service, ann, "Ro") == (False, 0)
    until(lambda: rename(ann, "Rw").status_code == 200, RECOVERY_SECONDS, "changes are taken again")
    assert set(one(service, backends)) - set(before), "new connections may have found another server"


@pytest.mark.slow
def test_a_network_that_swallows_everything_is_a_503_in_time_and_is_got_over(service: Service, proxy: Proxy) -> None:
    people = [member(service) for _ in range(12)]

    def timed(person: Person) -> tuple[int, float]:
        begun = monotonic()
        answer = rename(person, "Hole")
        code, _ = problem(answer)
        assert int(answer.headers["retry-after"]) > 0
        return code, monotonic() - begun

    proxy.swallow()
    for wave in range(2):
        answers = together(*[partial(timed, person) for person in people])
        assert {code for code, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < STATEMENT_TIMEOUT + SPARE_SECONDS, wave
    begun = monotonic()
    assert service.client.get("/health/ready").status_code == 503
    assert monotonic() - begun < SPARE_SECONDS
    assert service.client.get("/health/live").status_code == 200
    proxy.pass_new_connections()
    until(lambda: rename(people[0], "Back").status_code == 200, RECOVERY_SECONDS, "the service is back")
    for person in people:
        assert rename(person, "Back").status_code == 200
        assert changes(service, person, "Hole") in ((True, 1), (False, 0))


@pytest.mark.slow
def test_connections_that_went_silent_while_nobody_asked_cost_one_time_out_and_hold_up_neither_mail_nor_routes(
    service: Service, proxy: Proxy, tmp_path: Path
) -> None:
    ann = member(service)
    proxy.swallow()
    proxy.pass_new_connections()  # every open connection is deaf now, and looks well
    begun = monotonic()
    assert rename(ann, "Deaf").status_code == 503
    assert monotonic() - begun < STATEMENT_TIMEOUT + SPARE_SECONDS
    until(lambda: rename(ann, "Heard").status_code == 200, RECOVERY_SECONDS, "the other connections were given up too")
    bob = Person(service)
    assert bob.register().status_code == 201
    sent = "select count(*) from app.outbox where user_id = %s and sent_at is not null"
    until(lambda: one(service, sent, bob.id) == 1, 90, "the mail goes out")
    sources = Sources(tmp_path)
    sources.write(HELLO)
    sources.deploy(service.database.info.dsn)
    until(lambda: client_of(service).get("/v1/hello").status_code == 200, 90, "new functions are served")
