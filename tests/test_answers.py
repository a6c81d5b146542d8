"""What every answer says besides its own: who may read and keep it, how much one may still ask, which version it is."""

import re
import secrets
from typing import Any

import httpx
import psycopg
import pytest

from api.operations import Operation
from tests.people import Person, client_of, holder, member, one, problem
from tests.probes import composed
from tests.server import Service, StartService

SOMEBODY = "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e"
PAGE = "https://app.example.org"
STRICT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
ITEM = r'"[a-z_]+";{0}=\d+;{1}=\d+'


@pytest.fixture(scope="module")
def ann(shared_service: Service) -> Person:
    """Somebody signed in."""
    return member(shared_service)


@pytest.fixture(scope="module")
def routes(shared_service: Service) -> tuple[Operation, ...]:
    """All routes of functions."""
    with psycopg.connect(shared_service.admin_dsn) as connection:
        return composed(connection).operations


def call(client: httpx.Client, operation: Operation, **more: Any) -> httpx.Response:
    """A request to a route without anything in it."""
    return client.request(operation.tags.method, re.sub(r"\{\w+\}", SOMEBODY, operation.tags.path), **more)


def kinds(ann: Person) -> dict[str, httpx.Response]:
    """Answers of every kind."""
    client = client_of(ann.service)
    return {
        "data": ann.get("/v1/me"),
        "data again": ann.get("/v1/me", headers={"If-None-Match": "*"}),
        "no content": ann.request("DELETE", "/v1/me/sessions"),
        "no token": client.get("/v1/me"),
        "no such thing": client.get("/nothing"),
        "no such spelling": client.get("/v1//me"),
        "no such method": client.put("/v1/me"),
        "no body": client.post("/v1/auth/login"),
        "no JSON": client.post("/v1/auth/login", content=b"x"),
        "no HTTP": client.get("/health/live", headers={"Expect": "more"}),
        "options": client.options("/v1/me"),
        "head": client.head("/v1/me"),
        "health": client.get("/health/ready"),
        "keys": client.get("/.well-known/jwks.json"),
        "document": client.get("/openapi.json"),
        "page": client.get("/docs"),
        "script": client.get("/docs/start.js"),
        "account page": client.get("/account/verify_email"),
    }


def test_every_answer_tells_browsers_to_do_nothing_with_it(ann: Person) -> None:
    for kind, answer in kinds(ann).items():
        assert answer.headers["x-content-type-options"] == "nosniff", kind
        assert answer.headers["referrer-policy"] == "no-referrer", kind
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", kind
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';"), kind
        assert {"base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; ")), kind
        assert (policy == STRICT) is (kind not in ("page", "account page")), kind
        names = [name for name, _ in answer.headers.multi_items()]
        assert len(names) == len(set(names)), kind
        assert not set(names) & {"server", "strict-transport-security", "vary", "access-control-allow-origin"}, kind


def test_nothing_of_a_person_is_kept_anywhere(ann: Person) -> None:
    kept = {kind for kind, answer in kinds(ann).items() if answer.headers.get("cache-control") != "no-store"}
    assert kept == {"keys", "document", "page", "script", "account page"}


def test_a_service_behind_https_says_to_stay_there(start_service: StartService) -> None:
    service = start_service(PGROSTER_ORIGIN="https://accounts.example.org", PGROSTER_CORS_ORIGINS=PAGE)
    for path in ("/v1/me", "/nothing", "/docs"):
        assert service.client.get(path).headers["strict-transport-security"] == "max-age=31536000"
    pages_of_elsewhere(service)


def pages_of_elsewhere(service: Service) -> None:
    """Pages of the origin that was named may call; to others the answer says nothing."""
    ann = member(service)
    for kind, answer in kinds(ann).items():
        assert answer.headers["vary"] == "Origin", kind
        assert "access-control-allow-origin" not in answer.headers, kind
    answer = ann.get("/v1/me", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"etag", "link", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"} <= set(exposed)
    for refused in (ann.get("/nothing", headers={"Origin": PAGE}), ann.get("/v1//me", headers={"Origin": PAGE})):
        assert refused.headers["access-control-allow-origin"] == PAGE, "a page may read why it was refused"
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = ann.client.options("/v1/me", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "if-match", "idempotency-key"} <= set(allowed)
    assert "*" not in answer.headers["access-control-allow-headers"]
    for other in ("https://app.example.org.evil.example", "http://app.example.org", "https://app.example.org:8443",
                  "https://evil.example", "null", "*", "HTTPS://APP.EXAMPLE.ORG", f"{PAGE}/", ""):  # fmt: skip
        for answer in (
            ann.get("/v1/me", headers={"Origin": other}),
            ann.client.options("/v1/me", headers=asked | {"Origin": other}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-")], other
    assert "access-control-allow-credentials" not in ann.get("/v1/me", headers={"Origin": PAGE}).headers


def test_without_a_setting_no_page_of_elsewhere_may_call(ann: Person) -> None:
    """BR-422."""
    for answer in (
        ann.get("/v1/me", headers={"Origin": PAGE}),
        ann.client.options("/v1/me", headers={"Origin": PAGE, "Access-Control-Request-Method": "PATCH"}),
    ):
        assert answer.is_success
        assert not [name for name in answer.headers if name.startswith("access-control-") or name == "vary"]


def test_every_route_says_how_much_may_still_be_asked(ann: Person, routes: tuple[Operation, ...]) -> None:
    """draft-ietf-httpapi-ratelimit-headers-11: names, quotas and windows; what is left, and for how long."""
    limits, states = (re.compile(f"{ITEM.format(*keys)}(, {ITEM.format(*keys)})*") for keys in ("qw", "rt"))
    for client in (client_of(ann.service), ann):
        for operation in routes:
            if isinstance(client, Person) and (operation.tags.method != "GET" or operation.tags.placeholders):
                continue
            answer = call(client, operation)  # type: ignore[arg-type]
            policy, state = answer.headers["ratelimit-policy"], answer.headers["ratelimit"]
            assert limits.fullmatch(policy) and states.fullmatch(state), (operation.function, policy, state)
            named = ["default", operation.tags.rate_limit] if operation.tags.rate_limit else ["default"]
            assert [f'"{name}"' for name in named] == [item.partition(";")[0] for item in policy.split(", ")]
            assert [item.partition(";")[0] for item in state.split(", ")] == [f'"{name}"' for name in named]


def test_who_is_refused_for_asking_too_much_is_told_when_to_come_back(start_service: StartService) -> None:
    service = start_service()
    service.database.execute("update app.rate_limit_policies set quota = 1 where name = 'login'")
    body = {"identifier": "nobody", "password": "no heron was here"}
    answers = [service.client.post("/v1/auth/login", json=body) for _ in range(2)]
    assert problem(answers[1]) == (429, "rate_limited")
    assert int(answers[1].headers["retry-after"]) >= 1
    assert '"login";r=0;t=' in answers[1].headers["ratelimit"]


def test_an_outage_says_when_to_come_back(start_service: StartService) -> None:
    service = start_service()
    service.database.execute("update http.deployed set functions_digest = null")
    answer = service.client.get("/health/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_whatever_returns_a_thing_with_a_version_names_it(
    shared_service: Service, routes: tuple[Operation, ...]
) -> None:
    """Each of these routes is called with success once, and its ETag opens the next change and no later one."""
    root, bob = holder(shared_service, "admin"), member(shared_service)
    name = secrets.token_hex(8)
    fields = {"email": f"{name}@example.com", "username": name}
    user = f"/v1/users/{bob.id}"
    called: dict[str, httpx.Response] = {
        "get_me": bob.get("/v1/me"),
        "update_me": bob.request("PATCH", "/v1/me", json={"first_name": "Bob"}),
        "register": client_of(shared_service).post(
            "/v1/auth/register", json=fields | {"password": bob.password, "gdpr_consent": True}
        ),
        "create_user": root.post("/v1/users", {"email": f"x{name}@example.com", "username": f"x{name}"}),
        "get_user": root.get(user),
        "update_user": root.request("PATCH", user, json={"first_name": "Rob"}),
        "suspend_user": root.post(f"{user}/suspend"),
        "reactivate_user": root.post(f"{user}/reactivate"),
        "unlock_user": root.post(f"{user}/unlock"),
        "create_role": root.post("/v1/roles", {"name": f"x{name}", "permissions": []}),
        "update_role": root.request("PATCH", f"/v1/roles/x{name}", json={"description": "For a test."}),
    }
    assert root.request("DELETE", user).status_code == 204
    called["restore_user"] = root.post(f"{user}/restore")
    assert {o.name for o in routes if o.is_versioned} == called.keys()
    for route, answer in called.items():
        assert answer.is_success, (route, answer.text)
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"', route
    last = called["restore_user"].headers["etag"]
    change = {"json": {"first_name": "Bobby"}}
    assert root.request("PATCH", user, headers={"If-Match": last}, **change).status_code == 200
    assert problem(root.request("PATCH", user, headers={"If-Match": last}, **change)) == (412, "precondition_failed")


@pytest.mark.parametrize(
    ("given", "is_match"),
    [
        ("{0}", True),
        ("*", True),
        ('"x" ,  {0}', True),
        ("W/{0}", False),
        ('"x"', False),
        ("{1}", False),
        ("", False),
        ('"', False),
        ("nonsense", False),
        ('*, "x"', False),
    ],
)
def test_a_change_is_made_to_the_version_that_was_read(ann: Person, given: str, is_match: bool) -> None:
    """RFC 9110, 13.1.1: strong comparison, lists, the asterisk; what is no tag matches nothing."""
    etag = ann.get("/v1/me").headers["etag"]
    header = {"If-Match": given.format(etag, etag.strip('"'))}
    answer = ann.request("PATCH", "/v1/me", json={"last_name": secrets.token_hex(4)}, headers=header)
    assert answer.status_code == (200 if is_match else 412), answer.text


@pytest.mark.parametrize(
    ("given", "is_known"),
    [("{0}", True), ("*", True), ("W/{0}", True), ('"x", W/{0}', True), ('"x"', False), ("{1}", False), ("", False)],
)
def test_a_version_that_is_known_is_not_sent_again(ann: Person, given: str, is_known: bool) -> None:
    """RFC 9110, 13.1.2: weak comparison."""
    etag = ann.get("/v1/me").headers["etag"]
    for method in ("GET", "HEAD"):
        answer = ann.request(method, "/v1/me", headers={"If-None-Match": given.format(etag, etag.strip('"'))})
        assert answer.status_code == (304 if is_known else 200)
        assert answer.headers["etag"] == etag
        assert (answer.content == b"") is (is_known or method == "HEAD")


def test_two_lines_of_a_list_are_one_list(ann: Person) -> None:
    etag = ann.get("/v1/me").headers["etag"]
    lines = [("Authorization", f"Bearer {ann.token}"), ("If-None-Match", etag), ("If-None-Match", '"x"')]
    assert ann.client.get("/v1/me", headers=httpx.Headers(lines)).status_code == 304


def test_a_route_without_versions_changes_nothing_for_one(ann: Person) -> None:
    """BR-423: else a client that asks for its change to be made to one version only would be told that it was."""
    root = holder(ann.service, "admin")
    body = {"name": "matchless", "permissions": []}
    assert problem(root.post("/v1/roles", body, headers={"If-Match": '"1"'})) == (412, "precondition_failed")
    assert one(ann.service, "select count(*) from app.roles where name = 'matchless'") == 0
    assert root.post("/v1/roles", body, headers={"If-Match": "*"}).status_code == 201
    assert problem(ann.client.post("/v1/roles", json=body, headers={"If-Match": '"1"'})) == (
        401,
        "authentication_required",
    )
