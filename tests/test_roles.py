"""Who may do what: every route of the document, asked by everybody, has one declared answer."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.people import NEW_PASSWORD, Person, client_of, grant, holder, member, moved_clock
from tests.server import Service

KINDS = ("anonymous", "user", "support", "auditor", "admin", "suspended", "expired")
Statuses = tuple[int, int, int, int, int, int, int]
Body = Callable[[Person, Person], dict[str, Any]] | None

# fmt: off
EVERYBODY: dict[str, Statuses] = {
    # What needs no token looks at none, so a stale one is in nobody's way. anonymous ... expired as in KINDS.
    "created": (201, 201, 201, 201, 201, 201, 201),
    "ok":      (200, 200, 200, 200, 200, 200, 200),
    "done":    (204, 204, 204, 204, 204, 204, 204),
}
SELF: Statuses          = (401, 200, 200, 200, 200, 401, 401)
SELF_DONE: Statuses     = (401, 204, 204, 204, 204, 401, 401)
READ_USERS: Statuses    = (401, 403, 200, 200, 200, 401, 401)
ONE_USER: Statuses      = (401, 404, 200, 200, 200, 401, 401)
WRITE_USERS: Statuses   = (401, 403, 200, 403, 200, 401, 401)
DELETE_USERS: Statuses  = (401, 403, 403, 403, 204, 401, 401)
RESTORE_USERS: Statuses = (401, 403, 403, 403, 200, 401, 401)
ASSIGN_ROLES: Statuses  = (401, 403, 403, 403, 204, 401, 401)
READ_AUDIT: Statuses    = (401, 403, 403, 200, 200, 401, 401)

# Route: the statuses, the state that `target` has to be in, and the body that makes the request a good one.
ROUTES: dict[tuple[str, str], tuple[Statuses, str, Body]] = {
    ("POST", "/v1/auth/register"): (EVERYBODY["created"], "active", lambda me, target: {
        "email": f"{uuid4()}@example.com", "username": f"u{uuid4().hex[:20]}", "password": me.password,
        "gdpr_consent": True}),
    ("POST", "/v1/auth/login"): (EVERYBODY["ok"], "active", lambda me, target: {
        "identifier": target.email, "password": target.password}),
    ("POST", "/v1/auth/refresh"): (EVERYBODY["ok"], "active", lambda me, target: {
        "refresh_token": target.session["refresh_token"]}),
    ("POST", "/v1/auth/logout"): (EVERYBODY["done"], "active", lambda me, target: {
        "refresh_token": target.session["refresh_token"]}),
    ("GET", "/v1/me"): (SELF, "active", None),
    ("PATCH", "/v1/me"): (SELF, "active", lambda me, target: {"first_name": "Ann"}),
    ("POST", "/v1/me/delete"): (SELF_DONE, "active", lambda me, target: {"password": me.password}),
    ("POST", "/v1/me/password"): (SELF_DONE, "active", lambda me, target: {
        "current_password": me.password, "new_password": NEW_PASSWORD}),
    ("GET", "/v1/me/sessions"): (SELF, "active", None),
    ("DELETE", "/v1/me/sessions"): (SELF_DONE, "active", None),
    ("DELETE", "/v1/me/sessions/{id}"): (SELF_DONE, "active", None),
    ("GET", "/v1/users"): (READ_USERS, "active", None),
    ("GET", "/v1/users/{id}"): (ONE_USER, "active", None),
    ("DELETE", "/v1/users/{id}"): (DELETE_USERS, "active", None),
    ("POST", "/v1/users/{id}/suspend"): (WRITE_USERS, "active", None),
    ("POST", "/v1/users/{id}/reactivate"): (WRITE_USERS, "suspended", None),
    ("POST", "/v1/users/{id}/unlock"): (WRITE_USERS, "active", None),
    ("POST", "/v1/users/{id}/restore"): (RESTORE_USERS, "deleted", None),
    ("PUT", "/v1/users/{id}/roles/{name}"): (ASSIGN_ROLES, "active", None),
    ("DELETE", "/v1/users/{id}/roles/{name}"): (ASSIGN_ROLES, "active", None),
    ("GET", "/v1/roles"): (READ_USERS, "active", None),
    ("GET", "/v1/audit-logs"): (READ_AUDIT, "active", None),
    ("GET", "/health/live"): (EVERYBODY["ok"], "active", None),
    ("GET", "/health/ready"): (EVERYBODY["ok"], "active", None),
    ("GET", "/openapi.json"): (EVERYBODY["ok"], "active", None),
    ("GET", "/docs"): (EVERYBODY["ok"], "active", None),
    ("GET", "/.well-known/jwks.json"): (EVERYBODY["ok"], "active", None),
}
# fmt: on
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


@pytest.fixture(autouse=True)
def another_admin(shared_service: Service) -> None:
    """So that no request is refused for being the last administrator's."""
    holder(shared_service, "admin")


def caller(service: Service, kind: str) -> Person:
    """Somebody new of a kind, with whatever token they have."""
    if kind == "anonymous":
        return Person(service)
    if kind in ("support", "auditor", "admin"):
        return holder(service, kind)
    if kind == "expired":
        return expired(service)
    person = member(service)
    if kind == "suspended":
        answer = holder(service, "admin").post(f"/v1/users/{person.id}/suspend")
        assert answer.status_code == 200
    return person


def expired(service: Service) -> Person:
    """Somebody whose access token has expired while the session lives on: it was issued at the session's very end."""
    service.database.execute("update app.settings set session_absolute = '5 minutes'")
    try:
        person = member(service)
        with moved_clock(service, "4 minutes 59.5 seconds"):
            assert person.refresh().json()["expires_in"] == 0
    finally:
        service.database.execute("update app.settings set session_absolute = default")
    return person


def somebody(service: Service, state: str) -> Person:
    """Somebody new in a state, with a session from before, who holds the role `support`."""
    person = member(service, "target")
    grant(person, "support")
    steps = {"active": None, "suspended": "suspend", "deleted": "delete"}
    step = steps[state]
    if step is not None:
        service.database.execute("select private.change_status(%s, %s)", [person.id, step])
    return person


def test_every_route_of_the_document_is_in_the_table(service: Service) -> None:
    paths = client_of(service).get("/openapi.json").json()["paths"]
    documented = {(method.upper(), path) for path, item in paths.items() for method in item.keys() & METHODS}
    assert documented - ROUTES.keys() == set(), "declare who may call these"
    own = {path for path in (p for _, p in ROUTES) if not path.startswith("/v1/")}
    assert {(m, p) for m, p in ROUTES if p not in own} - documented == set(), "these are gone"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_everybody_gets_the_declared_answer(service: Service, route: tuple[str, str], kind: str) -> None:
    (method, path), (statuses, state, body) = route, ROUTES[route]
    me, target = caller(service, kind), somebody(service, state)
    own = path.startswith("/v1/me/sessions/")
    other = me.elsewhere()
    if own and kind not in ("anonymous", "suspended"):
        other.login()
    ids = {"id": other.session.get("session_id", uuid4()) if own else target.id, "name": "support"}
    before = state_of(service, target)
    sent = {"json": body(me, target)} if body else {}
    answer = me.request(method, path.format(**ids), **sent)
    expected = statuses[KINDS.index(kind)]
    assert answer.status_code == expected, answer.text
    if expected in (401, 403, 404):
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("www-authenticate" in answer.headers) == (expected == 401)
        assert target.email not in answer.text
        assert state_of(service, target) == before, "a refusal changes nothing"


def state_of(service: Service, person: Person) -> list[tuple[Any, ...]]:
    """Everything that a request could have changed about somebody."""
    return service.database.execute(
        "select u.status, u.version, u.failed_login_attempts, u.locked_until,"
        " (select count(*) from app.sessions s where s.user_id = u.id and s.revoked_at is null),"
        " (select array_agg(ur.role_id order by ur.role_id) from app.user_roles ur where ur.user_id = u.id)"
        " from app.users u where u.id = %s",
        [person.id],
    ).fetchall()


def test_one_user_is_nobody_to_another(service: Service) -> None:
    ann, bob = member(service), member(service)
    for method, path, body in [
        ("GET", f"/v1/users/{bob.id}", None),
        ("DELETE", f"/v1/me/sessions/{bob.session['session_id']}", None),
    ]:
        assert ann.request(method, path, **({"json": body} if body else {})).status_code == 404
    assert ann.get(f"/v1/users/{ann.id}").status_code == 200
    assert bob.get("/v1/me").status_code == 200
