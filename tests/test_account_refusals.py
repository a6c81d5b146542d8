"""Each documented refusal of what a person does with their own account, and that nothing of it is kept."""

from typing import Any

import pytest

from tests.people import (
    NEW_PASSWORD,
    WRONG_PASSWORD,
    Person,
    early_in_a_minute,
    member,
    moved_clock,
    problem,
)
from tests.server import Service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def test_a_taken_address_or_name_is_refused_without_an_account(service: Service) -> None:
    ann, bob = member(service), Person(service)
    assert problem(bob.register(email=ann.email.upper())) == (409, "email_taken")
    assert problem(bob.register(username=ann.username.upper())) == (409, "username_taken")
    assert bob.register().status_code == 201
    assert bob.login().status_code == 200
    taken = bob.request("PATCH", "/v1/me", json={"username": ann.username, "first_name": "Bob"})
    assert problem(taken) == (409, "username_taken")
    assert bob.get("/v1/me").json()["first_name"] is None, "nothing of a refused change is kept"


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "no address"},
        {"username": "x"},
        {"username": "Ünicode"},
        {"password": "too short"},
        {"password": "x" * 129},
        {"phone": "0791234567"},
        {"locale": "deutsch"},
        {"first_name": ""},
        {"gdpr_consent": "yes"},
        {"email": None},
        {"roles": ["admin"]},
        {"password_hash": "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43},
    ],
    ids=lambda fields: ", ".join(fields),
)
def test_a_field_that_does_not_fit_is_named(service: Service, fields: dict[str, Any]) -> None:
    answer = Person(service).register(**fields)
    status, code = problem(answer)
    assert status == 422
    assert code in ("invalid_request", "password_unacceptable")
    assert next(iter(fields)) in str(answer.json()["errors"])


def test_registration_needs_consent(service: Service) -> None:
    assert problem(Person(service).register(gdpr_consent=False)) == (422, "consent_required")


@pytest.mark.parametrize("like", ["email", "username", "service", "common"])
def test_a_password_that_is_easy_to_guess_is_refused_with_a_reason(service: Service, like: str) -> None:
    ann = Person(service, "anneliese-obermeier")
    password = {
        "email": ann.email,
        "username": ann.username,
        "service": "pgrosterpgroster",
        "common": "qwertyuiop1234567890",
    }
    answer = ann.register(password=password[like])
    assert problem(answer) == (422, "password_unacceptable")
    assert "password" in str(answer.json()["errors"])
    assert password[like] not in answer.text


def test_a_password_change_needs_the_current_password(service: Service) -> None:
    ann = member(service)
    wrong = ann.post("/v1/me/password", {"current_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD})
    assert problem(wrong) == (401, "reauthentication_failed")
    weak = ann.post("/v1/me/password", {"current_password": ann.password, "new_password": ann.username})
    assert problem(weak)[0] == 422
    assert problem(ann.post("/v1/me/delete", {"password": WRONG_PASSWORD})) == (401, "reauthentication_failed")
    assert ann.get("/v1/me").status_code == 200
    assert ann.elsewhere().login().status_code == 200, "the old password still works"


def test_the_consent_that_the_account_rests_on_is_withdrawn_by_leaving(service: Service) -> None:
    """BR-311"""
    ann = member(service)
    agreed = ann.get("/v1/me").json()["gdpr_consent_at"]
    refused = ann.request("PUT", "/v1/me/consents/data_processing", json={"granted": False})
    assert problem(refused) == (409, "account_needs_consent")
    assert "POST /v1/me/delete" in refused.json()["detail"]
    assert ann.get("/v1/me").json()["gdpr_consent_at"] == agreed
    assert ann.request("PUT", "/v1/me/consents/newsletter", json={"granted": True}).status_code == 200
    left = ann.request("PUT", "/v1/me/consents/newsletter", json={"granted": False})
    assert [c["is_granted"] for c in left.json()["history"]] == [False, True, True]
    assert ann.post("/v1/me/delete", {"password": ann.password}).status_code == 204


def test_a_new_address_or_number_that_is_none_is_refused(service: Service) -> None:
    ann = member(service)
    for path, body in [
        ("/v1/me/email", {"new_email": "no address", "password": ann.password}),
        ("/v1/me/phone", {"phone": "0791234567"}),
        ("/v1/me/phone/verify", {"code": "12345"}),
    ]:
        assert problem(ann.post(path, body)) == (422, "invalid_request")


def test_metadata_is_kept_whole_and_has_a_limit(service: Service) -> None:
    ann = member(service)
    metadata = {"Größe": [1, 2.5, None, {"tief": True}], "": "empty key"}
    assert ann.request("PATCH", "/v1/me", json={"metadata": metadata}).json()["metadata"] == metadata
    assert problem(ann.request("PATCH", "/v1/me", json={"metadata": {"a": "b" * 9000}})) == (422, "metadata_too_large")
    assert problem(ann.request("PATCH", "/v1/me", json={"metadata": [1]}))[0] == 422
    assert ann.get("/v1/me").json()["metadata"] == metadata


def test_a_body_that_is_not_the_json_of_this_route_is_refused(service: Service) -> None:
    ann = member(service)

    def patch(content: bytes, kind: str = "application/json") -> tuple[int, str]:
        return problem(ann.request("PATCH", "/v1/me", content=content, headers={"Content-Type": kind}))

    assert patch(b'{"first_name":') == (400, "malformed_json")
    assert patch(b'{"first_name": "A", "first_name": "B"}') == (400, "malformed_json")
    assert patch(b'{"first_name": "\xff"}') == (400, "malformed_json")
    assert patch(b'{"first_name": "a\\u0000b"}') == (400, "malformed_json")
    assert patch(b'{"metadata": ' + b"[" * 40 + b"]" * 40 + b"}") == (400, "malformed_json")
    assert patch(b'{"first_name": "A"}', "text/plain") == (415, "unsupported_media_type")
    assert patch(b'{"metadata": {"a": "' + b"x" * 70000 + b'"}}') == (413, "body_too_large")
    assert patch(b'{"first": "A"}') == (422, "invalid_request")
    assert patch(b"[]") == (422, "invalid_request")
    assert ann.get("/v1/me").json()["first_name"] is None


def test_without_a_good_token_nobody_is_signed_in(service: Service) -> None:
    ann = member(service)
    head, body, signature = ann.token.split(".")
    for header in (
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        f"Bearer {head}.{body}.",
        f"Bearer {head}.{body}.{signature[::-1]}",
    ):
        answer = ann.client.get("/v1/me", headers={"Authorization": header} if header else {})
        assert problem(answer)[0] == 401, header
        assert answer.headers["www-authenticate"].startswith("Bearer"), header


@pytest.mark.parametrize(
    ("policy", "path", "body"),
    [
        ("login", "/v1/auth/login", {"identifier": "nobody", "password": "nothing"}),
        ("mail", "/v1/auth/password/forgot", {"email": "nobody@example.com"}),
        ("mail", "/v1/auth/email/verification", {"email": "nobody@example.com"}),
    ],
)
def test_a_named_limit_refuses_before_anything_else(
    service: Service, policy: str, path: str, body: dict[str, str]
) -> None:
    """BR-401"""
    client = Person(service).client
    service.database.execute("update app.rate_limit_policies set quota = 1 where name = %s", [policy])
    service.database.execute("delete from app.rate_limits")
    try:
        with early_in_a_minute(service):
            assert client.post(path, json=body).status_code in (202, 401)
            answer = client.post(path, json=body)
            assert problem(answer) == (429, "rate_limited")
            assert f'"{policy}";r=0' in answer.headers["ratelimit"]
    finally:
        service.database.execute("update app.rate_limit_policies set quota = 1000000 where name = %s", [policy])


def test_a_limit_says_when_to_come_back(service: Service) -> None:
    service.database.execute("update app.rate_limit_policies set quota = 3 where name = 'register'")
    service.database.execute("delete from app.rate_limits")
    try:
        with early_in_a_minute(service):
            assert [Person(service).register().status_code for _ in range(3)] == [201] * 3
            answer = Person(service).register()
            assert problem(answer) == (429, "rate_limited")
            wait = int(answer.headers["retry-after"])
            assert 0 < wait <= 120
            assert '"register";q=3;w=60' in answer.headers["ratelimit-policy"]
            assert f'"register";r=0;t={wait}' in answer.headers["ratelimit"]
            with moved_clock(service, f"{wait - 5} seconds"):
                assert Person(service).register().status_code == 429
            with moved_clock(service, f"{wait} seconds"):
                assert Person(service).register().status_code == 201
    finally:
        service.database.execute("update app.rate_limit_policies set quota = 1000000 where name = 'register'")
