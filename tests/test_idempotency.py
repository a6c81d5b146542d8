"""Requests with an Idempotency-Key: one effect and one answer, whatever happens between the two."""

import os
import secrets
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import httpx
import psycopg
import pytest

from tests.faults import children
from tests.people import PASSWORD, WRONG_PASSWORD, Person, client_of, early_in_a_minute, holder, member, one, problem
from tests.probes import composed
from tests.server import PROXY, Service, StartService
from tests.waiting import together, until

REGISTER = "/v1/auth/register"
KEY = "Idempotency-Key"
REPLAYED = "idempotency-replayed"
CLIENTS = 12


def fresh() -> dict[str, str]:
    """A header with a key that nobody has used."""
    return {KEY: secrets.token_urlsafe(16)}


def account(name: str) -> dict[str, object]:
    """What registers somebody."""
    return {"email": f"{name}@example.com", "username": name, "password": PASSWORD, "gdpr_consent": True}


@pytest.fixture(scope="module")
def root(shared_service: Service) -> Person:
    """An administrator."""
    return holder(shared_service, "admin")


def test_a_repeated_registration_makes_one_account_and_gets_one_answer(shared_service: Service) -> None:
    """BR-120, BR-122: also for who is not signed in, and without hashing the password again."""
    client, again, key = client_of(shared_service), client_of(shared_service), fresh()
    first = client.post(REGISTER, json=account("rachel"), headers=key)
    assert first.status_code == 201 and REPLAYED not in first.headers
    # A password that resembles the username is refused where passwords are looked at: here nobody looks.
    for body in (account("rachel"), account("rachel") | {"password": "rachel rachel rachel"}):
        second = again.post(REGISTER, json=body, headers=key)
        assert (second.status_code, second.content) == (201, first.content)
        assert second.headers[REPLAYED] == "true"
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        assert "ratelimit" in second.headers
    assert problem(again.post(REGISTER, json=account("rachel"))) == (409, "email_taken")
    assert problem(again.post(REGISTER, json=account("rachel"), headers=fresh())) == (409, "email_taken")


def test_the_key_with_another_request_is_refused(root: Person) -> None:
    """BR-121: another body, another path, another route; the order of keys in a body is no difference."""
    key = fresh()
    ann, bob = member(root.service), member(root.service)
    body = {"email": "invited@example.com", "username": "invited"}
    assert root.post("/v1/users", body, headers=key).status_code == 201
    assert root.post("/v1/users", dict(reversed(body.items())), headers=key).headers[REPLAYED] == "true"
    assert problem(root.post("/v1/users", body | {"locale": "de"}, headers=key)) == (422, "idempotency_key_reused")
    assert problem(root.post(f"/v1/users/{ann.id}/suspend", headers=key)) == (422, "idempotency_key_reused")
    key = fresh()
    assert root.post(f"/v1/users/{ann.id}/suspend", headers=key).status_code == 200
    assert problem(root.post(f"/v1/users/{bob.id}/suspend", headers=key)) == (422, "idempotency_key_reused")


def test_a_key_is_its_senders_own(root: Person) -> None:
    """BR-122: the same key of two people, and of nobody in particular, are three keys."""
    key, other = fresh(), holder(root.service, "admin")
    for person in (root, other):
        name = person.username + "-2"
        answer = person.post("/v1/users", {"email": f"{name}@example.com", "username": name}, headers=key)
        assert answer.status_code == 201, answer.text
    assert root.client.post(REGISTER, json=account("third"), headers=key).status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", 'a"b', '"', "é", "a\tb", '"open'])
def test_a_key_that_is_none_is_refused_by_name(root: Person, key: str) -> None:
    answer = root.post("/v1/roles", {"name": "x_role", "permissions": []}, headers={KEY: key.encode("latin-1")})
    assert problem(answer) == (422, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == [KEY]


def test_who_is_not_signed_in_needs_a_key_that_cannot_be_guessed(shared_service: Service, root: Person) -> None:
    """BR-122."""
    client = client_of(shared_service)
    assert problem(client.post(REGISTER, json=account("short"), headers={KEY: "a" * 21})) == (422, "invalid_request")
    assert client.post(REGISTER, json=account("short"), headers={KEY: "a" * 22}).status_code == 201
    assert root.post("/v1/roles", {"name": "a_role", "permissions": []}, headers={KEY: "a"}).status_code == 201


def test_a_key_in_quotation_marks_is_the_same_key(root: Person) -> None:
    body = {"name": "quoted", "permissions": []}
    assert root.post("/v1/roles", body, headers={KEY: '"k-1"'}).status_code == 201
    assert root.post("/v1/roles", body, headers={KEY: "k-1"}).headers[REPLAYED] == "true"


def test_an_error_is_tried_again_and_a_refusal_that_was_kept_is_not(shared_service: Service) -> None:
    """BR-124: what changed nothing stores nothing; a wrong password counts once however often its request is sent."""
    ann, key = member(shared_service), fresh()
    taken = account("latecomer") | {"email": ann.email}
    assert problem(ann.client.post(REGISTER, json=taken, headers=key)) == (409, "email_taken")
    shared_service.database.execute("update app.users set email = 'moved@example.com' where id = %s", [ann.id])
    assert ann.client.post(REGISTER, json=taken, headers=key).status_code == 201
    key = fresh()
    for _ in range(3):
        answer = ann.post("/v1/me/delete", {"password": WRONG_PASSWORD}, headers=key)
        assert problem(answer) == (401, "reauthentication_failed")
    assert answer.headers[REPLAYED] == "true" and answer.headers["www-authenticate"]
    assert one(shared_service, "select failed_login_attempts from app.users where id = %s", ann.id) == 1


def test_a_request_that_ends_its_own_session_can_be_repeated(shared_service: Service) -> None:
    """BR-120: the answer to the deletion of one's account, and no other, is given out after the session's end."""
    ann, key, before = member(shared_service), fresh(), fresh()
    assert ann.post("/v1/me/email", {"new_email": "ann@example.net", "password": PASSWORD}, headers=before).is_success
    for replayed in (None, "true", "true"):
        answer = ann.post("/v1/me/delete", {"password": PASSWORD}, headers=key)
        assert (answer.status_code, answer.content, answer.headers.get(REPLAYED)) == (204, b"", replayed)
    assert problem(ann.get("/v1/me")) == (401, "session_expired")
    assert problem(ann.post("/v1/me/delete", {"password": PASSWORD})) == (401, "session_expired")
    answer = ann.post("/v1/me/email", {"new_email": "ann@example.net", "password": PASSWORD}, headers=before)
    assert problem(answer) == (401, "session_expired")


def test_no_secret_is_stored_with_an_answer(shared_service: Service) -> None:
    """BR-123: a route that hands out tokens takes no key, and what a request has of secrets is not kept either."""
    ann = member(shared_service)
    body = {"identifier": ann.email, "password": ann.password}
    answers = [ann.client.post("/v1/auth/login", json=body, headers={KEY: "k" * 22}) for _ in range(2)]
    assert len({answer.json()["refresh_token"] for answer in answers}) == 2
    token = answers[0].json()["refresh_token"]
    key = fresh()
    for given, replayed in ((token, None), ("another token", "true")):
        answer = ann.client.post("/v1/auth/logout", json={"refresh_token": given}, headers=key)
        assert (answer.status_code, answer.headers.get(REPLAYED)) == (204, replayed), "secrets are not compared"
    stored = one(shared_service, "select string_agg(k::text, ' ') from app.idempotency_keys k")
    assert "api.logout" in stored and "api.login" not in stored
    for secret in (token, ann.token, ann.password, "k" * 22):
        assert secret not in stored and secret.encode().hex() not in stored


def test_the_document_has_the_header_on_exactly_those_routes(shared_service: Service) -> None:
    described = client_of(shared_service).get("/openapi.json").json()
    operations = {
        (method, path): [p["name"] for p in operation.get("parameters", [])]
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }
    takes = {route for route, parameters in operations.items() if KEY in parameters}
    with psycopg.connect(shared_service.admin_dsn) as connection:
        routes = composed(connection).operations
    assert takes == {(o.tags.method.lower(), o.tags.path) for o in routes if o.is_repeatable}
    posts = {route for route in operations if route[0] == "post"}
    assert takes < posts and {("post", "/v1/auth/login"), ("post", "/v1/auth/refresh")} <= posts - takes
    for method, path in takes:
        codes = described["paths"][path][method]["responses"]
        assert "`idempotency_in_progress`" in codes["409"]["description"]
        assert "`idempotency_key_reused`" in codes["422"]["description"]


def answers_to(service: Service, send: "list[partial[httpx.Response]]") -> Counter[tuple[int, str]]:
    """How often which answer came to requests sent at the same moment: status, and code of a problem."""
    answers = together(*send)
    return Counter((a.status_code, a.json()["code"] if a.status_code >= 400 else "") for a in answers)


def test_the_same_request_at_the_same_moment_has_one_effect(start_service: StartService) -> None:
    """BR-120: two workers, clients behind a barrier; who comes while the first is running is told so."""
    service = start_service(PGROSTER_WORKERS="2", **PROXY)
    root = holder(service, "admin")
    twins = [root.twin() for _ in range(CLIENTS)]
    for number in range(3):
        key, body = fresh(), {"email": f"one{number}@example.com", "username": f"one{number}"}
        found = answers_to(service, [partial(twin.post, "/v1/users", body, headers=key) for twin in twins])
        assert found[201, ""] >= 1
        assert found.keys() <= {(201, ""), (409, "idempotency_in_progress")}
        assert one(service, "select count(*) from app.users where username = %s", f"one{number}") == 1
        assert one(service, "select count(*) from app.outbox where template = 'invitation'") == number + 1
        assert root.post("/v1/users", body, headers=key).headers[REPLAYED] == "true"
    clients, key = [client_of(service) for _ in range(CLIENTS)], fresh()
    found = answers_to(service, [partial(c.post, REGISTER, json=account("rose"), headers=key) for c in clients])
    assert found[201, ""] >= 1 and found.keys() <= {(201, ""), (409, "idempotency_in_progress")}
    assert one(service, "select count(*) from audit.audit_logs where action = 'users.inserted'") == 5


def test_an_address_without_an_account_has_so_many_keys(start_service: StartService) -> None:
    """BR-125: exactly, over two workers; what is kept for nobody in particular is bounded, and signing in is not."""
    service = start_service(PGROSTER_WORKERS="2", **PROXY)
    service.database.execute("update app.rate_limit_policies set quota = 5 where name = 'anonymous_keys'")
    here = {"X-Forwarded-For": "192.0.2.125"}

    def leave(headers: dict[str, str]) -> httpx.Response:
        return client_of(service).post("/v1/auth/logout", json={"refresh_token": "none"}, headers=here | headers)

    with early_in_a_minute(service):
        answers = together(*[partial(leave, fresh()) for _ in range(CLIENTS)])
        refused = [answer for answer in answers if answer.status_code != 204]
        assert len(answers) - len(refused) == one(service, "select count(*) from app.idempotency_keys") == 5
        for answer in refused:
            assert problem(answer) == (429, "rate_limited")
            assert '"anonymous_keys";q=5;w=3600' in answer.headers["ratelimit-policy"]
            assert int(answer.headers["retry-after"]) > 0
        assert leave({}).status_code == 204, "without a key"
        assert client_of(service).post("/v1/auth/logout", json={"refresh_token": "x"}, headers=fresh()).is_success
        root = holder(service, "admin")
        body = {"name": "keyed", "permissions": []}
        assert root.post("/v1/roles", body, headers=fresh() | here).status_code == 201


def test_an_answer_that_a_crash_swallowed_is_given_to_the_next_try(start_service: StartService) -> None:
    """BR-120: the service is killed between the commit and the answer; what comes back up gives that answer."""
    service = start_service(PGROSTER_WORKERS="2")
    root, bob, key = holder(service, "admin"), member(service), fresh()
    path = f"/v1/users/{bob.id}/suspend"
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%suspend_user%%'"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(service.admin_dsn) as holding:
        holding.execute("select from app.users where id = %s for update", [bob.id])
        lost = pool.submit(root.twin().post, path, headers=key)
        until(lambda: one(service, waiting) == 1, 30, "the request is in its transaction")
        workers = children(service.process.pid)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        holding.commit()
        until(lambda: one(service, "select count(*) from app.idempotency_keys"), 30, "it has committed")
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            lost.result()
    assert one(service, "select status from app.users where id = %s", bob.id) == "suspended"

    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        with suppress(httpx.TransportError):
            answers.append(root.twin().post(path, headers=key))
        return bool(answers)

    until(is_answered, 60, "the workers are back")
    again = answers[0]
    assert (again.status_code, again.json()["status"], again.headers[REPLAYED]) == (200, "suspended", "true")
    assert problem(root.twin().post(path)) == (409, "status_conflict")
    assert one(service, "select count(*) from audit.audit_logs where new_values ->> 'status' = 'suspended'") == 1
