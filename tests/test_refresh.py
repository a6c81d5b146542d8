"""Refresh tokens: rotation that forgives bad networks and does not forgive thieves, also under races and crashes."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import connected, kill_database, own_server, start_database
from tests.people import (
    NEW_PASSWORD,
    Person,
    client_of,
    events,
    holder,
    member,
    moved_clock,
    near_the_end,
    one,
    problem,
)
from tests.server import Service, serving
from tests.waiting import together, until

CLIENTS = 32
ROUNDS = 12


@pytest.fixture
def service(racing_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return racing_service


def live_tokens(service: Service, person: Person) -> int:
    """Refresh tokens of this person's session that could still be exchanged."""
    return int(
        one(
            service,
            "select count(*) from app.refresh_tokens where session_id = %s and used_at is null and revoked_at is null",
            person.session["session_id"],
        )
    )


def is_open(service: Service, person: Person) -> bool:
    """Whether this person's session has not been ended."""
    return bool(one(service, "select revoked_at is null from app.sessions where id = %s", person.session["session_id"]))


def present(client: httpx.Client, token: str) -> httpx.Response:
    """Present a refresh token."""
    return client.post("/v1/auth/refresh", json={"refresh_token": token})


def test_clients_that_present_one_token_at_once_all_get_the_one_successor(service: Service) -> None:
    """BR-102, BR-103"""
    ann = member(service)
    token = ann.session["refresh_token"]
    clients = [client_of(service) for _ in range(CLIENTS)]
    answers = together(*[partial(present, client, token) for client in clients])
    assert [a.status_code for a in answers] == [200] * CLIENTS
    successors = {a.json()["refresh_token"] for a in answers}
    assert len(successors) == 1
    assert live_tokens(service, ann) == 1
    assert one(service, "select count(*) from app.refresh_tokens where session_id = %s", ann.session["session_id"]) == 2
    for answer in answers:
        ann.session = answer.json()
        assert ann.get("/v1/me").status_code == 200, "each of the access tokens works"
    assert ann.refresh(successors.pop()).status_code == 200


def test_a_retry_within_the_grace_window_gets_the_same_successor(service: Service) -> None:
    ann = member(service)
    first = ann.session["refresh_token"]
    second = ann.refresh().json()["refresh_token"]
    with moved_clock(service, "9 seconds"):
        again = ann.refresh(first)
    assert (again.status_code, again.json()["refresh_token"]) == (200, second)
    assert live_tokens(service, ann) == 1
    assert ann.refresh(second).status_code == 200


def test_a_used_token_after_the_window_ends_the_session_for_thief_and_owner(service: Service) -> None:
    ann, thief = member(service), Person(service)
    stolen = ann.session["refresh_token"]
    assert ann.refresh().status_code == 200
    with moved_clock(service, "11 seconds"):
        assert problem(thief.refresh(stolen)) == (401, "token_reused")
        assert problem(ann.get("/v1/me")) == (401, "session_expired"), "the access token is dead"
        assert problem(ann.refresh()) == (401, "session_expired"), "the live successor is dead"
        assert problem(thief.refresh(stolen)) == (401, "session_expired")
    assert not is_open(service, ann)
    assert live_tokens(service, ann) == 0
    reason = one(service, "select revoked_reason from app.sessions where id = %s", ann.session["session_id"])
    assert reason == "token_reused"
    assert len(events(service, "refresh_token.reused", ann.id)) == 1
    assert ann.login().status_code == 200, "the account itself is fine"


def test_a_used_token_whose_successor_was_used_is_theft_also_within_the_window(service: Service) -> None:
    ann, thief = member(service), Person(service)
    stolen = ann.session["refresh_token"]
    assert ann.refresh().status_code == 200
    assert ann.refresh().status_code == 200
    assert problem(thief.refresh(stolen)) == (401, "token_reused")
    assert problem(ann.get("/v1/me")) == (401, "session_expired")
    assert live_tokens(service, ann) == 0


def test_only_the_stolen_session_ends(service: Service) -> None:
    ann = member(service)
    phone = ann.elsewhere()
    phone.login()
    stolen = ann.session["refresh_token"]
    ann.refresh()
    with moved_clock(service, "11 seconds"):
        assert ann.refresh(stolen).status_code == 401
        assert phone.get("/v1/me").status_code == 200
        assert phone.refresh().status_code == 200


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "ä" * 43, "A" * 5000, "' or true --"])
def test_a_token_that_was_never_issued_is_invalid(service: Service, token: str) -> None:
    assert problem(present(client_of(service), token)) == (401, "token_invalid")


def test_rotation_never_moves_the_absolute_end(service: Service) -> None:
    ann = member(service)

    def end() -> Any:
        return one(service, "select expires_at from app.sessions where id = %s", ann.session["session_id"])

    first_end = end()
    for day in range(6, 30, 6):
        with moved_clock(service, f"{day} days"):
            assert ann.refresh().status_code == 200, day
        assert end() == first_end
    last = one(
        service, "select max(expires_at) from app.refresh_tokens where session_id = %s", ann.session["session_id"]
    )
    assert last == first_end, "a token never outlives its session"
    with moved_clock(service, "30 days 1 second"):
        assert problem(ann.refresh()) == (401, "session_expired")
        assert problem(ann.get("/v1/me")) == (401, "session_expired")


def test_an_idle_token_expires_by_the_clock(service: Service) -> None:
    ann, bob = member(service), member(service)
    with moved_clock(service, "6 days 23 hours"):
        assert ann.refresh().status_code == 200
    with moved_clock(service, "7 days 1 second"):
        assert problem(bob.refresh()) == (401, "token_invalid")


def test_an_access_token_expires_while_its_session_lives(service: Service) -> None:
    service.database.execute("update app.settings set session_absolute = '5 minutes'")
    try:
        ann = member(service)
    finally:
        service.database.execute("update app.settings set session_absolute = default")
    assert ann.get("/v1/me").status_code == 200
    with near_the_end(ann):
        answer = ann.refresh()
        assert answer.status_code == 200
        assert answer.json()["expires_in"] <= 1, "an access token never outlives its session"
    until(lambda: ann.get("/v1/me").status_code == 401, 5, "the access token expires")
    assert is_open(service, ann)
    assert ann.refresh().status_code == 200


def end_by_logout(ann: Person, admin: Person) -> httpx.Response:
    """The person leaves."""
    return ann.client.post("/v1/auth/logout", json={"refresh_token": ann.session["refresh_token"]})


def end_by_suspension(ann: Person, admin: Person) -> httpx.Response:
    """An administrator shuts the account out."""
    return admin.post(f"/v1/users/{ann.id}/suspend")


def end_by_password_change(ann: Person, admin: Person) -> httpx.Response:
    """The password is changed from another session."""
    desk = ann.elsewhere()
    assert desk.login().status_code == 200
    return desk.post("/v1/me/password", {"current_password": ann.password, "new_password": NEW_PASSWORD})


@pytest.mark.parametrize("end", [end_by_logout, end_by_suspension, end_by_password_change])
def test_a_refresh_that_races_the_end_of_its_session_leaves_nothing_alive(
    service: Service, end: Callable[[Person, Person], httpx.Response]
) -> None:
    admin = holder(service, "admin")
    clients = [client_of(service) for _ in range(3)]
    for _ in range(ROUNDS):
        ann = member(service)
        token = ann.session["refresh_token"]
        answers = together(*[partial(present, client, token) for client in clients], partial(end, ann, admin))
        assert answers[-1].status_code in (200, 204)
        assert {a.status_code for a in answers[:-1]} <= {200, 401}
        assert not is_open(service, ann)
        assert live_tokens(service, ann) == 0
        for answer in answers[:-1]:
            if answer.status_code == 200:
                ann.session = answer.json()
            assert problem(ann.get("/v1/me")) == (401, "session_expired")
            assert problem(ann.refresh()) == (401, "session_expired")


def test_the_revocation_after_a_theft_survives_the_death_of_service_and_database(tmp_path: Path) -> None:
    """BR-104"""
    origin = {"PGROSTER_ORIGIN": "https://accounts.example.com"}  # what tokens are issued by, whatever the port
    with own_server() as server:
        with connected(server) as database, serving(database, tmp_path, **origin) as service:
            ann, thief = member(service), Person(service)
            bob = member(service)
            stolen = ann.session["refresh_token"]
            assert ann.refresh().status_code == 200
            assert ann.refresh().status_code == 200
            assert problem(thief.refresh(stolen)) == (401, "token_reused")
            kill_database(server)
            service.stop(signal.SIGKILL)
        start_database(server)
        with connected(server) as database, serving(database, tmp_path, **origin) as service:
            for person in (ann, bob):
                person.service, person.client = service, client_of(service)
            assert problem(ann.get("/v1/me")) == (401, "session_expired")
            assert problem(ann.refresh()) == (401, "session_expired")
            assert problem(ann.refresh(stolen)) == (401, "session_expired")
            assert not is_open(service, ann)
            assert live_tokens(service, ann) == 0
            assert len(events(service, "refresh_token.reused", ann.id)) == 1
            assert bob.get("/v1/me").status_code == 200, "another session lives on, its token still verifies"
            assert bob.refresh().status_code == 200
