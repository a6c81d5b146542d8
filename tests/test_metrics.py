"""GET /metrics: what Prometheus reads of the service and of its database."""

import re
from functools import partial

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.databases import TestDatabase
from tests.people import client_of, member, one, problem
from tests.server import PROXY, Service, StartService
from tests.waiting import together, until
from tests.wire import exchange

ASKERS = 16
Figures = dict[str, dict[tuple[tuple[str, str], ...], float]]


def figures(service: Service) -> Figures:
    """Every sample by name and labels, asked over a connection of its own, so that any worker may answer."""
    answer = client_of(service).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "ratelimit" not in answer.headers
    found: Figures = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, f"{family.name} says what it is"
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def requests(service: Service, **labels: str) -> float:
    """How many requests with these labels were counted."""
    counted = figures(service).get("pgroster_http_requests_total", {})
    return sum(value for given, value in counted.items() if labels.items() <= dict(given).items())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_answer_is_counted_whichever_worker_gave_it(start_service: StartService, workers: str) -> None:
    service = start_service(PGROSTER_WORKERS=workers)
    for _ in range(12):
        assert client_of(service).get("/.well-known/jwks.json").status_code == 200
    labels = {"method": "GET", "route": "/.well-known/jwks.json", "status": "200"}
    until(lambda: requests(service, **labels) == 12, 30, "twelve requests")
    durations = figures(service)["pgroster_http_request_duration_seconds_count"]
    assert durations[(("method", "GET"), ("route", labels["route"]))] == 12


def test_labels_are_routes_and_no_paths(shared_service: Service) -> None:
    ann = member(shared_service)
    assert ann.get(f"/v1/users/{ann.id}").status_code == 200
    client = client_of(shared_service)
    for path in ("/v1/nothing-of-the-kind", "/wp-login.php"):
        assert client.get(path).status_code == 404
    assert client.request("PROPFIND", "/docs").status_code == 405
    until(lambda: requests(shared_service, route="/v1/users/{id}", status="200") == 1, 30, "the request")
    until(lambda: requests(shared_service, route="none", status="404") == 2, 30, "what is no route")
    assert requests(shared_service, method="other", status="405") == 1
    text = client.get("/metrics").text
    assert not re.search(rf"{ann.id}|{ann.email}|{ann.username}|nothing-of-the-kind|wp-login|PROPFIND", text)


def test_what_is_no_request_is_counted_as_well(shared_service: Service) -> None:
    assert exchange(shared_service, b"nonsense\r\n\r\n").status == 400
    until(lambda: requests(shared_service, method="other", route="none", status="400") == 1, 30, "the refusal")


def test_however_many_ask_the_database_is_asked_once_at_a_time(service: Service) -> None:
    """Nobody counts them, so they must not take the connections of those who are counted."""
    ann = member(service)
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%http.metrics%%'"
    with psycopg.connect(service.admin_dsn) as holder:
        holder.execute("lock table app.outbox")

        def watch() -> None:
            until(lambda: one(service, waiting) > 0, 30, "somebody asks")
            assert ann.get("/v1/me").status_code == 200
            assert one(service, waiting) < ASKERS / 4

        *answers, _ = together(*[partial(client_of(service).get, "/metrics") for _ in range(ASKERS)], watch)
    assert {answer.status_code for answer in answers if answer is not None} == {200}


def test_only_the_clients_that_are_named_read_the_figures(start_service: StartService) -> None:
    """They tell whether a reset sent a mail, so whether there is an account."""
    service = start_service(**PROXY, PGROSTER_METRICS_CLIENTS="192.0.2.0/24,2001:db8::/32")
    statuses = {
        address: service.client.get("/metrics", headers={"X-Forwarded-For": address}).status_code
        for address in ("192.0.2.7", "2001:db8::7", "198.51.100.7", "2001:db9::7", "127.0.0.1")
    }
    assert statuses == {"192.0.2.7": 200, "2001:db8::7": 200, "198.51.100.7": 404, "2001:db9::7": 404, "127.0.0.1": 404}


def test_without_a_setting_only_this_machine_reads_the_figures(start_service: StartService) -> None:
    service = start_service(**PROXY)
    assert problem(service.client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"})) == (404, "not_found")
    assert service.client.get("/metrics").status_code == 200


def test_the_database_tells_of_mail_jobs_and_the_log(shared_service: Service) -> None:
    database = shared_service.database
    database.execute("update app.jobs set last_error = 'it broke' where name = 'refresh_reporting'")
    database.execute("update app.jobs set next_run_at = private.now() - interval '1 hour' where name = 'seal_audit'")
    found = figures(shared_service)
    assert found["pgroster_database_up"][()] == 1
    assert found["pgroster_job_failed"][(("job", "refresh_reporting"),)] == 1
    assert found["pgroster_job_failed"][(("job", "cleanup_expired_data"),)] == 0
    assert found["pgroster_audit_months_ahead"][()] == 6
    assert found["pgroster_replication_lag_seconds"][()] == 0
    assert {"pgroster_outbox_waiting", "pgroster_outbox_oldest_seconds", "pgroster_outbox_given_up"} < found.keys()
    assert {"pgroster_job_late_seconds", "pgroster_audit_seal_lag_seconds"} < found.keys()


def test_a_row_of_the_log_without_a_seal_grows_old(database: TestDatabase) -> None:
    def lag() -> float:
        query = "select value from http.metrics() where name = 'audit_seal_lag_seconds'"
        row = database.admin.execute(query).fetchone()
        assert row is not None
        return float(row[0])

    def is_sealed() -> bool:
        database.admin.execute("select admin.seal_audit()")
        return lag() == 0

    until(is_sealed, 60, "everything sealed")
    database.admin.execute("select audit.record_event('login.failed')")
    database.admin.execute("update private.clock set shift = interval '90 seconds'")
    assert lag() >= 90


def test_without_the_database_the_rest_is_told(start_service: StartService) -> None:
    service = start_service()
    service.database.execute("alter role roster_authenticator connection limit 0")
    try:
        service.database.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'roster_authenticator'"
        )
        until(lambda: figures(service)["pgroster_database_up"][()] == 0, 30, "the loss is told")
        assert requests(service, route="/metrics", status="200") > 0
    finally:
        service.database.execute("alter role roster_authenticator connection limit -1")
    until(lambda: figures(service)["pgroster_database_up"][()] == 1, 30, "the database is back")
