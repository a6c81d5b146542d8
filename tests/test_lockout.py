"""Guessing passwords: each guess is counted, also many at once; the lock ends by itself; no answer tells who exists."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from time import perf_counter

import httpx
import pytest

from tests.databases import TestDatabase
from tests.people import WRONG_PASSWORD, Person, client_of, events, holder, member, moved_clock, one, patiently, problem
from tests.server import PROXY, Service, serving
from tests.waiting import together

GUESSES = 200
CHANGING_HEADERS = {"date", "x-request-id", "ratelimit"}


@pytest.fixture(scope="module")
def shared_service(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for these tests, whose clients have addresses of their own.

    It hashes more at a time than there are cores, so that some end together and their outcomes meet in the database.
    """
    queue = {"PGROSTER_HASH_QUEUE": str(GUESSES), "PGROSTER_HASH_CONCURRENCY": "4"}
    with serving(module_database, tmp_path_factory.mktemp("service"), **PROXY, **queue) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def guess(client: httpx.Client, identifier: str, password: str) -> httpx.Response:
    """Try to sign in."""
    body = {"identifier": identifier, "password": password}
    return patiently(partial(client.post, "/v1/auth/login", json=body))


def looks(answer: httpx.Response) -> tuple[object, ...]:
    """What somebody outside can tell answers apart by."""
    body = answer.json() | {"request_id": ""} if answer.content else None
    headers = {k: v for k, v in answer.headers.items() if k not in CHANGING_HEADERS}
    return answer.status_code, body, headers


def test_no_guess_is_lost_to_another_at_the_same_moment(service: Service) -> None:
    service.database.execute("update app.settings set lock_after_failures = 1000")
    try:
        ann = member(service)
        clients = [client_of(service) for _ in range(GUESSES // 4)]
        together(*[partial(guess, client, ann.email, WRONG_PASSWORD) for client in clients])
    finally:
        service.database.execute("update app.settings set lock_after_failures = default")
    assert one(service, "select failed_login_attempts from app.users where id = %s", ann.id) == len(clients)


def test_many_wrong_logins_at_once_are_all_counted_and_lock_the_account(service: Service) -> None:
    """BR-404: from as many sources, so that only their number together can stop them."""
    ann = member(service)
    clients = [client_of(service) for _ in range(GUESSES)]
    wrong = together(*[partial(guess, client, ann.email, WRONG_PASSWORD) for client in clients])
    assert {problem(a) for a in wrong} == {(401, "invalid_credentials")}
    reasons = Counter(event["reason"] for event in events(service, "login.failed", ann.id))
    assert reasons == {"wrong_password": 100, "locked": GUESSES - 100}
    assert len(events(service, "account.locked", ann.id)) == 1
    assert one(service, "select failed_login_attempts from app.users where id = %s", ann.id) == 100
    assert one(service, "select locked_until > private.now() from app.users where id = %s", ann.id)

    right = ann.elsewhere().login()
    assert looks(right) == looks(wrong[0]), "a locked account does not tell a right password from a wrong one"
    assert ann.get("/v1/me").status_code == 200, "who is signed in already stays so"
    assert ann.login().status_code == 200, "and can sign in again from there"
    with moved_clock(service, "14 minutes"):
        assert ann.elsewhere().login().status_code == 401
    with moved_clock(service, "15 minutes 1 second"):
        assert ann.elsewhere().login().status_code == 200
    assert one(service, "select failed_login_attempts from app.users where id = %s", ann.id) == 0


def test_many_guesses_at_once_from_one_source_lock_that_source_alone(service: Service) -> None:
    """BR-410"""
    ann, guesser = member(service), client_of(service)
    together(*[partial(guess, guesser, ann.email, WRONG_PASSWORD) for _ in range(30)])
    assert problem(guess(guesser, ann.email, ann.password)) == (401, "invalid_credentials")
    reasons = Counter(event["reason"] for event in events(service, "login.failed", ann.id))
    assert reasons == {"wrong_password": 10, "locked": 21}
    assert ann.elsewhere().login().status_code == 200


def test_each_further_lock_is_twice_as_long_and_guesses_during_a_lock_do_not_prolong_it(service: Service) -> None:
    ann = member(service)

    def fail(times: int) -> None:
        for _ in range(times):
            assert ann.login(password=WRONG_PASSWORD).status_code == 401

    def minutes() -> int:
        left = (
            "select round(extract(epoch from max(locked_until) - private.now()) / 60)::integer"
            " from app.login_sources where user_id = %s"
        )
        return int(one(service, left, ann.id))

    fail(10)
    assert minutes() == 15
    with moved_clock(service, "10 minutes"):
        fail(10)
        assert minutes() == 5
    with moved_clock(service, "16 minutes"):
        fail(10)
        assert minutes() == 30


def test_guessing_at_reauthentication_counts_like_guessing_at_login(service: Service) -> None:
    ann = member(service)
    for _ in range(10):
        assert problem(ann.post("/v1/me/delete", {"password": WRONG_PASSWORD})) == (401, "reauthentication_failed")
    assert problem(ann.post("/v1/me/delete", {"password": ann.password})) == (401, "reauthentication_failed")
    assert problem(ann.login()) == (401, "invalid_credentials")


def test_an_administrator_ends_a_lock(service: Service) -> None:
    ann, admin = member(service), holder(service, "admin")
    for _ in range(10):
        ann.login(password=WRONG_PASSWORD)
    assert ann.login().status_code == 401
    assert admin.post(f"/v1/users/{ann.id}/unlock").status_code == 200
    assert ann.login().status_code == 200


def test_unknown_wrong_locked_suspended_and_deleted_look_the_same(service: Service) -> None:
    """BR-408"""
    admin = holder(service, "admin")
    wrong, locked, suspended, deleted = (member(service) for _ in range(4))
    service.database.execute("update app.settings set lock_everywhere_after_failures = 10")
    for _ in range(10):
        locked.login(password=WRONG_PASSWORD)
    service.database.execute("update app.settings set lock_everywhere_after_failures = default")
    assert admin.post(f"/v1/users/{suspended.id}/suspend").status_code == 200
    assert deleted.post("/v1/me/delete", {"password": deleted.password}).status_code == 204
    client = client_of(service)
    expected = looks(guess(client, "nobody@example.com", WRONG_PASSWORD))
    assert expected[0] == 401
    assert looks(guess(client, "nobody", WRONG_PASSWORD)) == expected
    for person in (wrong, locked, suspended, deleted):
        for identifier in (person.email, person.username):
            assert looks(guess(client, identifier, WRONG_PASSWORD)) == expected
            if person is not wrong:
                assert looks(guess(client, identifier, person.password)) == expected
    reasons = {p.id: {e["reason"] for e in events(service, "login.failed", p.id)} for p in (locked, suspended)}
    assert reasons[locked.id] == {"wrong_password", "locked"}, "the log tells what the answer does not"
    assert reasons[suspended.id] == {"wrong_password", "suspended"}


def test_an_unknown_identifier_costs_as_much_time_as_a_known_one(service: Service) -> None:
    ann = member(service)
    client = client_of(service)

    def seconds(identifier: str) -> float:
        started = perf_counter()
        assert guess(client, identifier, WRONG_PASSWORD).status_code == 401
        return perf_counter() - started

    # What else the machine does makes an answer late, never early.
    pairs = [(seconds("nobody@example.com"), seconds(ann.email)) for _ in range(16)]
    unknown, known = (min(column) for column in zip(*pairs, strict=True))
    assert 0.5 < unknown / known < 2


def test_a_login_without_the_hash_that_was_verified_is_none(service: Service) -> None:
    ann = Person(service)
    ann.register()
    known = one(service, "select password_hash from app.users where id = %s", ann.id)
    for body in (
        {"identifier": ann.email},
        {"identifier": ann.email, "password": ann.password, "verified_hash": "$argon2id$"},
        {"identifier": ann.email, "verified_hash": known},
    ):
        assert problem(ann.client.post("/v1/auth/login", json=body)) == (422, "invalid_request")
