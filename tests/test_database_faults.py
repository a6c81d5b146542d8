"""What PostgreSQL refuses for a while: conflicts, deadlocks, time-outs, no connection, no storage, no partition.

Each is retried within bounds or told as a 503 with Retry-After; never a 500, and never half an effect.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import psycopg
import pytest

from api.database import ATTEMPTS
from tests.databases import TestDatabase
from tests.invariants import broken
from tests.people import Person, holder, member, one, problem, rename, written
from tests.server import PROXY, Service, serving
from tests.sources import Sources, route
from tests.waiting import Load, together, under_load, until

POOL = 4
UNAVAILABLE = ["25006", "53200", "53300", "57P01", "58030"]
WAITING = """
    select count(*) from pg_stat_activity where usename = 'roster_authenticator' and wait_event_type = 'Lock'"""
SLOW = route("slow(seconds numeric) returns void", "perform pg_sleep(seconds);", "@http POST /v1/slow")

# Fails so many times with a state, right before the commit: whatever the function has done is undone with it.
# A sequence counts, because it is not undone.
INJECTION = """
create table public.injected (state text not null, times bigint not null);
create sequence public.injections;
grant select on public.injected to public;
grant usage on sequence public.injections to public;
create function public.tg__inject() returns trigger
language plpgsql
security definer
as $$
declare
  v_injected public.injected;
begin
  select i.* into v_injected from public.injected i;
  if v_injected.state is not null and nextval('public.injections') <= v_injected.times then
    raise exception using errcode = v_injected.state, message = 'injected';
  end if;
  return null;
end
$$;
create constraint trigger _999_inject after insert or update on app.user_profiles
  deferrable initially deferred for each row execute function public.tg__inject();
create constraint trigger _999_inject after insert on app.refresh_tokens
  deferrable initially deferred for each row execute function public.tg__inject();
"""


@pytest.fixture(scope="module")
def faulty(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a small pool, short time limits, a slow route, and a database that fails on demand."""
    directory = tmp_path_factory.mktemp("faulty")
    sources = Sources(directory)
    sources.write(SLOW)
    sources.deploy(module_database.admin_dsn)
    module_database.admin.execute(INJECTION)
    for setting, value in (("statement_timeout", "9s"), ("lock_timeout", "3s")):
        module_database.admin.execute(
            f"alter role roster_authenticator in database {module_database.name} set {setting} = '{value}'".encode()
        )
    with serving(module_database, directory, PGROSTER_POOL_SIZE=str(POOL), **PROXY) as service:
        yield service


@pytest.fixture
def service(faulty: Service) -> Iterator[Service]:
    """The faulty service, in which nothing may be broken afterwards."""
    yield faulty
    faulty.database.execute("truncate public.injected")
    assert broken(faulty.database) == []


@contextmanager
def injected(service: Service, state: str, times: int) -> Iterator[None]:
    """The next so many transactions that change a profile or issue a token fail with a state, at their commit."""
    service.database.execute("alter sequence public.injections restart")
    service.database.execute("insert into public.injected values (%s, %s)", [state, times])
    try:
        yield
    finally:
        service.database.execute("truncate public.injected")


def is_later(answer: httpx.Response, *codes: str) -> bool:
    """Whether a request was refused for now, for one of these reasons."""
    status, code = problem(answer)
    assert (status, code in codes) == (503, True), answer.text
    assert int(answer.headers["retry-after"]) > 0
    return True


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_lost_conflict_is_tried_again_and_happens_once(service: Service, state: str) -> None:
    ann = member(service)
    with injected(service, state, ATTEMPTS - 1):
        answer = rename(ann, "Twice")
    assert answer.status_code == 200, answer.text
    assert written(service, answer) == 1
    with injected(service, state, ATTEMPTS - 1):
        assert ann.refresh().status_code == 200
    assert ann.refresh().status_code == 200


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("40001", "busy"),
        ("57014", "timeout"),
        ("53100", "database_unavailable"),
        pytest.param("40P01", "busy", marks=pytest.mark.slow),
        pytest.param("55P03", "timeout", marks=pytest.mark.slow),
        *(pytest.param(state, "database_unavailable", marks=pytest.mark.slow) for state in UNAVAILABLE),
    ],
)
def test_what_the_database_refuses_for_now_is_a_503_and_leaves_nothing(service: Service, state: str, code: str) -> None:
    ann = member(service)
    token = ann.session["refresh_token"]
    with injected(service, state, 1000):
        for answer in (rename(ann, "Half"), ann.refresh(token)):
            assert is_later(answer, code)
            assert written(service, answer) == 0
        assert is_later(Person(service).register(), code)
    assert ann.get("/v1/me").json()["first_name"] is None
    assert ann.refresh(token).status_code == 200, "the token was not used up"


def test_a_request_that_loses_a_real_deadlock_is_tried_again_and_happens_once(service: Service) -> None:
    admin, ann = holder(service, "admin"), member(service)
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    before = one(service, deadlocks)

    def cross() -> None:
        with psycopg.connect(service.admin_dsn) as other:
            other.execute("set local deadlock_timeout = '60s'")  # so it is the service that notices, and loses
            other.execute("select from app.roles where name = 'support' for update")
            started.set()
            until(lambda: one(service, WAITING) == 1, 15, "the request has the account and waits for the role")
            other.execute("select from app.users where id = %s for update", [ann.id])

    def assign() -> httpx.Response:
        assert started.wait(15)
        return admin.request("PUT", f"/v1/users/{ann.id}/roles/support")

    started = threading.Event()
    _, answer = together(cross, assign)
    assert answer is not None and answer.status_code == 204, answer
    assert written(service, answer) == 1
    until(lambda: one(service, deadlocks) > before, 15, "there was a deadlock")


def test_a_lock_that_somebody_keeps_is_a_503_and_the_change_did_not_happen(service: Service) -> None:
    ann = member(service)
    with psycopg.connect(service.admin_dsn) as other:
        other.execute("select from app.users where id = %s for update", [ann.id])
        answer = rename(ann, "Waits")
        assert is_later(answer, "timeout")
    assert written(service, answer) == 0
    assert rename(ann, "Now").status_code == 200


def authenticator_backends(service: Service) -> dict[str, int]:
    """The service's connections by what they do."""
    query = "select state, count(*) from pg_stat_activity where usename = 'roster_authenticator' group by state"
    return dict(service.database.execute(query).fetchall())


def test_an_exhausted_pool_refuses_in_time_and_leaks_nothing(service: Service) -> None:
    people = [member(service) for _ in range(3 * POOL)]
    before = authenticator_backends(service)
    slow = [partial(person.post, "/v1/slow", {"seconds": 4}) for person in people[:POOL]]

    def rest() -> list[httpx.Response]:
        running = (
            "select count(*) from pg_stat_activity where usename = 'roster_authenticator' and wait_event = 'PgSleep'"
        )
        until(lambda: one(service, running) == POOL, 15, "every connection is in use")
        answers = together(*[partial(person.get, "/v1/me") for person in people[POOL:]])
        assert one(service, running) == POOL, "they were refused before a connection came free"
        return answers

    *done, refused = together(*slow, rest)
    assert {a.status_code for a in done if isinstance(a, httpx.Response)} == {204}
    assert isinstance(refused, list) and all(is_later(answer, "busy") for answer in refused)
    for person in people:
        assert person.get("/v1/me").status_code == 200
    until(lambda: authenticator_backends(service) == before, 10, "as many connections as before, all idle")


def test_a_client_with_a_slow_request_holds_up_its_neighbours_and_nobody_else(service: Service) -> None:
    """BR-413: those behind the same address wait for its counter, without a connection of the pool."""
    ann, bob = member(service), member(service)
    blocked = (
        "select count(*) from pg_stat_activity where usename = 'roster_authenticator' and wait_event_type = 'Lock'"
    )

    def others() -> None:
        until(lambda: one(service, blocked) == 1, 15, "the slow request waits")
        assert [bob.get("/v1/me").status_code for _ in range(3)] == [200] * 3
        assert one(service, blocked) <= 1, "of everybody else of that address nobody holds a connection"
        holding.rollback()

    with psycopg.connect(service.admin_dsn) as holding:
        holding.execute("select from app.users where id = %s for update", [ann.id])
        *answers, _ = together(partial(rename, ann, "A"), *[partial(ann.get, "/v1/me")] * (3 * POOL), others)
    # Whoever was too late for a machine that is busy was told so; on one that is not, all are answered.
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 503}
    assert ann.get("/v1/me").status_code == 200


def test_a_killed_backend_costs_its_own_request_at_most(service: Service) -> None:
    ann, bob = member(service), member(service)
    before = sum(authenticator_backends(service).values())
    backends = "select array_agg(pid) from pg_stat_activity where usename = 'roster_authenticator'"
    alive = "select count(*) from pg_stat_activity where pid = any (%s)"
    slow = "select count(*) from pg_stat_activity where usename = 'roster_authenticator' and wait_event = 'PgSleep'"

    def end() -> None:
        until(lambda: one(service, slow) == 1, 15, "a request is under way")
        pids = one(service, backends)
        service.database.execute("select pg_terminate_backend(pid) from unnest(%s) pid", [pids])
        until(lambda: one(service, alive, pids) == 0, 15, "all of them are gone")

    answer, _ = together(partial(ann.post, "/v1/slow", {"seconds": 3}), end)
    assert answer is not None and is_later(answer, "database_unavailable")
    assert rename(bob, "Bob").status_code == 200, "connections that were ended while idle are replaced, not used"
    until(lambda: sum(authenticator_backends(service).values()) >= before, 15, "the pool is full again")


def test_without_a_partition_of_the_log_no_change_happens_and_reading_goes_on(service: Service) -> None:
    """BR-206"""
    ann = member(service)
    token = ann.session["refresh_token"]
    partition = one(service, "select to_char(private.now() at time zone 'UTC', '\"audit_logs_\"YYYY_MM')")
    service.database.execute("set session_replication_role = replica")
    service.database.execute(f"alter table audit.audit_logs detach partition audit.{partition}".encode())
    try:
        for answer in (
            rename(ann, "Unlogged"),
            ann.refresh(token),
            Person(service).register(),
            ann.elsewhere().login(),
        ):
            assert is_later(answer, "database_unavailable")
        assert ann.get("/v1/me").json()["first_name"] is None
    finally:
        month = "date_trunc('month', private.now() at time zone 'UTC') at time zone 'UTC'"
        first, last = service.database.execute(
            f"select {month}, ({month}) at time zone 'UTC' + interval '1 month'".encode()
        ).fetchall()[0]
        service.database.execute(
            f"alter table audit.audit_logs attach partition audit.{partition}"
            f" for values from ('{first:%Y-%m-%d}Z') to ('{last:%Y-%m-%d}Z')".encode()
        )
        service.database.execute("set session_replication_role = origin")
    assert rename(ann, "Logged").status_code == 200
    assert ann.refresh(token).status_code == 200


@pytest.mark.slow
def test_what_fails_in_the_middle_of_everything_fails_alone(service: Service) -> None:
    """Backends die at random moments of a load: every answer is a success or a 503, and nothing is broken."""
    people = [member(service) for _ in range(4)]
    count = iter(range(10**6))

    def change(person: Person) -> str | None:
        answer = rename(person, f"N{next(count)}")
        if answer.status_code == 200:
            return None if written(service, answer) == 1 else "an answer without its row"
        is_later(answer, "database_unavailable", "busy")
        return None

    victim = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'roster_authenticator' limit 1"
    with under_load(*[partial(change, person) for person in people]) as load:
        for number in range(10):
            until(partial(is_beyond, load, 10 * number), 30, "the load goes on")
            with psycopg.connect(service.admin_dsn, autocommit=True) as other:
                other.execute(victim)
    assert load.failures == []


def is_beyond(load: Load, number: int) -> bool:
    """Whether a load has done more than so many actions."""
    return load.done > number
