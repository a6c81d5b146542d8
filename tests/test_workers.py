"""Several processes behave as one service, and neither a stop nor a lost database costs a client its answer."""

import os
import signal
from functools import partial
from pathlib import Path
from time import monotonic

import httpx
import psycopg
import pytest

from tests.databases import TestDatabase
from tests.faults import connected, connections, kill_database, own_server, start_database, stop_database, workers
from tests.people import Person, client_of, early_in_a_minute, member, one, problem, rename
from tests.server import PROXY, Service, StartService, serving
from tests.sources import Sources, route
from tests.waiting import together, until

CLIENTS = 24
QUOTA = 50
SLOW_CLIENTS = 4
QUICK_SECONDS = 1.5  # one, and what a busy machine adds
SLOW = route(
    "slow(seconds numeric) returns text", "perform pg_sleep(seconds);\n  return 'done';", "@http POST /v1/slow"
)


def test_two_workers_both_serve_count_one_limit_and_take_over_new_routes(
    start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(PGROSTER_WORKERS="2")
    clients: list[httpx.Client] = []

    def both_have_some() -> bool:
        clients[:] = [client_of(service) for _ in range(CLIENTS)]
        return len(connections(service)) == 2

    until(both_have_some, 15, "both workers have connections")

    service.database.execute("truncate app.rate_limits")
    service.database.execute("update app.rate_limit_policies set quota = %s where name = 'default'", [QUOTA])

    def ask(client: httpx.Client) -> list[int]:
        return [client.get("/v1/me").status_code for _ in range(5)]

    with early_in_a_minute(service):
        statuses = [status for part in together(*[partial(ask, client) for client in clients]) for status in part]
    assert (statuses.count(401), statuses.count(429)) == (QUOTA, 5 * CLIENTS - QUOTA)
    assert one(service, "select hits from app.rate_limits where policy = 'default'") == QUOTA
    assert one(service, "select refused_hits from app.rate_limits where policy = 'default'") == 5 * CLIENTS - QUOTA
    service.database.execute("update app.rate_limit_policies set quota = 1000000")

    sources = Sources(tmp_path)
    sources.write(SLOW)
    sources.deploy(service.admin_dsn)

    def answers() -> set[int]:
        return {client.post("/v1/slow", json={"seconds": 0}).status_code for client in clients}

    until(lambda: answers() == {200}, 15, "both workers serve the new route")
    assert len(connections(service)) == 2, "they were asked over the connections of both"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_lets_every_request_that_was_taken_on_end(
    database: TestDatabase, start_service: StartService, tmp_path: Path, workers: str
) -> None:
    sources = Sources(tmp_path)
    sources.write(SLOW)
    sources.deploy(database.admin_dsn)
    service = start_service(PGROSTER_WORKERS=workers, **PROXY)
    people = [member(service) for _ in range(2)]
    slow_clients = [client_of(service) for _ in range(SLOW_CLIENTS)]
    answered: list[str] = []

    def change(person: Person) -> None:
        while True:
            try:
                answer = person.request("PATCH", "/v1/me", json={"first_name": f"Ann{len(answered)}"})
            except httpx.TransportError:
                return
            assert answer.status_code == 200, answer.text
            answered.append(answer.headers["x-request-id"])

    def wait(client: httpx.Client) -> None:
        answer = client.post("/v1/slow", json={"seconds": 1})
        assert (answer.status_code, answer.json()) == (200, "done")

    def stop() -> None:
        running = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
        until(lambda: one(service, running) == SLOW_CLIENTS and len(answered) > 20, 10, "a load")
        assert service.stop() == 0

    together(*[partial(wait, c) for c in slow_clients], *[partial(change, p) for p in people], stop)
    done = service.database.execute(
        "select request_id from audit.audit_logs where action = 'user_profiles.updated' and request_id is not null"
    ).fetchall()
    assert {request_id for (request_id,) in done} <= set(answered), "what was done was also answered"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.base_url}/health/live")


def test_a_lost_database_is_a_quick_503_and_is_found_again_without_a_restart(tmp_path: Path) -> None:
    with own_server({"fsync": "off"}) as server, connected(server) as database:
        with serving(database, tmp_path) as service:
            ann = member(service)
            for lose in (stop_database, kill_database):
                lose(server)
                for _ in range(3):
                    begun = monotonic()
                    answer = ann.get("/v1/me")
                    assert problem(answer) == (503, "database_unavailable")
                    assert int(answer.headers["retry-after"]) > 0
                    assert monotonic() - begun < QUICK_SECONDS
                begun = monotonic()
                assert ann.client.get("/health/ready").status_code == 503
                assert monotonic() - begun < QUICK_SECONDS
                for path in ("/health/live", "/.well-known/jwks.json"):
                    assert ann.client.get(path).status_code == 200, "these need no database"
                start_database(server)
                until(lambda: ann.get("/v1/me").status_code == 200, 10, "the service finds its database")
                until(lambda: ann.client.get("/health/ready").status_code == 200, 10, "the service is ready again")
                assert ann.refresh().status_code == 200


def test_after_a_power_cut_every_answered_change_is_there_and_only_counting_begins_anew(tmp_path: Path) -> None:
    with own_server() as server, connected(server) as database, serving(database, tmp_path) as service:
        ann = member(service)
        for number in range(10):
            assert rename(ann, f"Ann{number}").status_code == 200
        kill_database(server)
        start_database(server)
        answer = until(lambda: (a := ann.get("/v1/me")).status_code == 200 and a, 30)
        assert answer and answer.json()["first_name"] == "Ann9"
        with psycopg.connect(server.admin_dsn) as admin:
            counted = admin.execute("select hits from app.rate_limits where policy = 'default'").fetchall()
        assert counted == [(1,)], "the request after it, and none from before"


@pytest.mark.slow
def test_a_worker_that_dies_while_the_database_is_away_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    with own_server({"fsync": "off"}) as server, connected(server) as database:
        with serving(database, tmp_path, PGROSTER_WORKERS="2") as service:
            ann = member(service)
            stop_database(server)
            os.kill(workers(service)[0], signal.SIGKILL)
            until(lambda: service.log.read_text().count("the database cannot be used") >= 2, 60, "it is tried again")
            assert service.process.poll() is None
            assert problem(client_of(service).get("/v1/me")) == (503, "database_unavailable")
            start_database(server)
            until(lambda: len(workers(service)) == 2, 30, "there are two workers again")
            until(lambda: ann.get("/v1/me").status_code == 200, 10, "the service finds its database")


def test_ctrl_c_stops_the_service_with_success(service: Service) -> None:
    assert service.stop(signal.SIGINT) == 0
