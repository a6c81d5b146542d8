"""API keys over HTTP: made once, used like a session within their scopes, dead at the next request."""

import itertools
import json
from functools import partial
from typing import Any

import httpx
import pytest

from tests.people import Person, grant, member, one, problem
from tests.server import PROXY, Service, StartService
from tests.waiting import together

RACERS = 10
TURNS = 40


@pytest.fixture(scope="module")
def service(racing_service: Service) -> Service:
    """One for all of these tests."""
    return racing_service


def make(person: Person, *scopes: str, **fields: Any) -> httpx.Response:
    """Make a key of one's own."""
    return person.post("/v1/me/api-keys", {"name": "robot", "scopes": scopes, "password": person.password} | fields)


def holding(person: Person, *scopes: str) -> Person:
    """The same person's program: a client that has a new key in place of an access token."""
    answer = make(person, *scopes)
    assert answer.status_code == 201, answer.text
    program = person.elsewhere()
    program.session = {"access_token": answer.json()["key"]}
    return program


def administrator(service: Service, role: str = "admin") -> Person:
    """Somebody signed in with a role."""
    person = member(service, "adam")
    grant(person, role)
    return person


def test_a_program_works_with_a_key_within_its_scopes(service: Service) -> None:
    """BR-530, BR-532, BR-533, BR-534"""
    adam = administrator(service)
    answer = make(adam, "users:read")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    program = adam.elsewhere()
    program.session = {"access_token": answer.json()["key"]}
    assert program.get("/v1/me").json()["id"] == adam.id
    assert program.get("/v1/users").status_code == 200
    assert problem(program.get("/v1/audit-logs")) == (403, "forbidden"), "adam may, his key may not"
    refused = program.post("/v1/me/password", {"current_password": adam.password, "new_password": "irrelevant"})
    assert problem(refused)[0] in (403, 422)
    assert problem(program.post("/v1/me/delete", {"password": adam.password})) == (403, "session_required")
    assert problem(make(program, "users:read")) == (403, "session_required")
    (listed,) = adam.get("/v1/me/api-keys").json()["items"]
    assert listed["last_used_at"] is not None
    assert (listed["id"], listed["prefix"]) == (answer.json()["id"], answer.json()["key"][:12])
    assert "key" not in listed
    assert answer.json()["key"] not in service.log.read_text()


def test_a_key_is_dead_with_the_next_request(service: Service) -> None:
    """BR-535"""
    adam = administrator(service)
    program = holding(adam, "users:read")
    (key,) = adam.get("/v1/me/api-keys").json()["items"]
    assert adam.request("DELETE", f"/v1/me/api-keys/{key['id']}").status_code == 204
    answer = program.get("/v1/me")
    assert problem(answer) == (401, "token_invalid")
    assert answer.headers["www-authenticate"] == 'Bearer realm="pgroster", error="invalid_token"'
    for nonsense in ("pgr_", "pgr_" + "0" * 46, "pgr_" + "x" * 4000, "pgr_\xe9"):
        program.session = {"access_token": nonsense}
        header = {"Authorization": f"Bearer {nonsense}".encode("latin-1")}
        raw = program.client.get("/v1/me", headers=header)  # type: ignore[arg-type]
        assert problem(raw) == (401, "token_invalid"), nonsense[:10]


def test_what_its_owner_loses_the_key_loses_at_once(service: Service) -> None:
    """BR-532"""
    adam = administrator(service)
    program = holding(adam, "users:read")
    assert program.get("/v1/users").status_code == 200
    service.database.execute("delete from app.user_roles where user_id = %s", [adam.id])
    assert problem(program.get("/v1/users")) == (403, "forbidden")
    assert program.get("/v1/me").status_code == 200


def test_a_service_account_works_without_a_password(service: Service) -> None:
    """BR-536"""
    adam = administrator(service)
    invited = adam.post("/v1/users", {"email": f"robot-{adam.username}@example.com", "username": f"r{adam.username}"})
    assert invited.status_code == 201
    robot = invited.json()["id"]
    assert adam.request("PUT", f"/v1/users/{robot}/roles/auditor", json={}).status_code == 204
    answer = adam.post(f"/v1/users/{robot}/api-keys", {"name": "nightly report", "scopes": ["audit:read"]})
    assert answer.status_code == 201
    program = Person(service, "robot")
    program.session = {"access_token": answer.json()["key"]}
    logs = program.get("/v1/audit-logs?action=api_keys.inserted")
    assert logs.status_code == 200
    assert logs.json()["items"][0]["user_id"] == robot
    read = adam.get(f"/v1/audit-logs?action=audit_logs.read&user_id={robot}").json()["items"][0]
    assert (read["actor_user_id"], read["actor_session_id"]) == (robot, None)
    assert read["actor_api_key_id"] == answer.json()["id"]


def test_an_account_gets_no_key_too_many_however_many_are_made_at_once(service: Service) -> None:
    """BR-539"""
    adam = administrator(service)
    service.database.execute("update app.settings set api_keys_per_user = 3")
    try:
        twins = [adam.twin() for _ in range(RACERS)]
        answers = together(*[partial(make, twin) for twin in twins])
    finally:
        service.database.execute("update app.settings set api_keys_per_user = default")
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * (RACERS - 3)
    assert len(adam.get("/v1/me/api-keys").json()["items"]) == 3


def test_routes_for_everybody_look_at_no_key(service: Service) -> None:
    ann = member(service)
    ann.session = {"access_token": "pgr_" + "0" * 46}
    body = {"identifier": ann.email, "password": ann.password}
    assert ann.post("/v1/auth/login", body).status_code == 200


def test_keys_sessions_and_strangers_never_meet_on_one_connection(start_service: StartService) -> None:
    """Identity ends with its statement, whatever kind it is, also after refusals and errors."""
    service = start_service(PGROSTER_POOL_SIZE="1", **PROXY)
    ann, adam = member(service), administrator(service)
    program = holding(adam, "users:read")
    stranger = Person(service)
    wrong = Person(service)
    wrong.session = {"access_token": "pgr_" + "0" * 46}
    expected: list[tuple[Person, Any]] = [
        (program, adam.id), (stranger, None), (ann, ann.id), (wrong, None), (program, adam.id), (ann, ann.id),
    ]  # fmt: skip
    for person, known in itertools.islice(itertools.cycle(expected), TURNS):
        answer = person.get("/v1/me")
        assert (answer.json().get("id"), answer.status_code) == (known, 200 if known else 401)
        assert problem(program.get(f"/v1/users/{stranger.username}")) == (404, "not_found")
        assert (ann.get(f"/v1/users/{adam.id}").status_code, program.get(f"/v1/users/{ann.id}").status_code) == (
            404,
            200,
        )


def test_the_document_tells_which_routes_take_a_key(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    taken = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if {"api_key": []} in operation.get("security", [])
    }
    assert {"GET /v1/me", "GET /v1/users", "GET /v1/users/{id}"} <= taken
    assert [route for route in taken if "/v1/me" in route] == ["GET /v1/me"]
    assert document["components"]["securitySchemes"].keys() == {"bearer", "api_key"}


def test_no_key_is_in_the_database(service: Service) -> None:
    """BR-531"""
    adam = administrator(service)
    key = make(adam).json()["key"]
    rows = service.database.execute("select t::text from app.api_keys t").fetchall()
    logged = service.database.execute("select t::text from audit.audit_logs t").fetchall()
    assert key not in json.dumps(rows + logged)
    assert one(service, "select count(*) from app.api_keys where secret_hash = private.digest(%s)", key) == 1
