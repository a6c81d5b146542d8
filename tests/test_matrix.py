"""Who may do what over HTTP: `matrix.csv` declares it for every route and every kind of caller; here it is walked.

`own` and `other` are somebody without a role, on what is theirs and on what is another person's; `support`, `auditor`
and `admin` act on somebody without a role; `support on admin` on an administrator; the next three carry a token from
before they were suspended, or their session or the token itself expired; `api key` is an administrator's key with every
permission. A dash: there is no such case, since the
route is about nobody else.
"""

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from api.sealing import Sealer
from api.totp import code_at
from tests.mailbox import mailed_token
from tests.people import NEW_PASSWORD, PASSWORD, Person, member, near_the_end, problem
from tests.server import Service
from tests.waiting import until

TABLE = Path(__file__).with_name("matrix.csv")
ROLES = {
    "support": "support",
    "auditor": "auditor",
    "admin": "admin",
    "support on admin": "support",
    "api key": "admin",
}
NO_CASE = "-"
SECRET = b"a secret of 20 bytes"
HTTP_METHODS = {"get", "post", "put", "patch", "delete"}

_numbers = itertools.count(1)


def read_table() -> dict[str, dict[str, str]]:
    """Expected status by route (`GET /v1/me`) and kind of caller."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, skipinitialspace=True, strict=True))
    table = {row.pop("route"): {caller.strip(): status.strip() for caller, status in row.items()} for row in rows}
    assert len(table) == len(rows), "a route stands there twice"
    return table


MATRIX = read_table()


@dataclass
class World:
    """People of every kind: callers, who are used again, and targets, made anew for each request."""

    service: Service
    password_hash: str
    callers: dict[str, Person] = field(default_factory=dict)

    def person(self, role: str | None = None) -> Person:
        """An account of its own, active, without a session."""
        person = Person(self.service, "matrix")
        self.run(
            "select (private.create_account(%s, %s, %s, null, null, null, 'en')).id",
            person.email, person.username, self.password_hash,
        )  # fmt: skip
        self.run(
            "update app.users set is_email_verified = true, status = 'active' where username = %s", person.username
        )
        person.id = str(self.run("select id from app.users where username = %s", person.username))
        if role is not None:
            self.run(
                "insert into app.user_roles (user_id, role_id) select %s, id from app.roles where name = %s",
                person.id,
                role,
            )
        return person

    def run(self, query: Any, *values: Any) -> Any:
        """A statement on the database; the first value of its first row."""
        cursor = self.service.database.execute(query, values)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def caller(self, kind: str) -> Person:
        """Who sends the request; the same as last time if their session is still open."""
        known = self.callers.get(kind)
        is_dead = kind in ("anonymous", "suspended", "expired session", "expired token")
        if known is None or not (is_dead or known.get("/v1/me").status_code == 200):
            self.callers[kind] = known = self._new_caller(kind)
        return known

    def _new_caller(self, kind: str) -> Person:
        person = self.person(ROLES.get(kind))
        if kind == "anonymous":
            return person
        if kind == "api key":
            scopes = "array(select name::text from app.permissions)"
            key = self.run(f"select (private.issue_api_key(%s, 'matrix', {scopes}, null)).key", person.id)
            person.session = {"access_token": key}
            return person
        if kind == "expired token":
            return self._with_expired_token(person)
        assert person.login().status_code == 200
        if kind == "suspended":
            self.run("update app.users set status = 'suspended', suspended_at = private.now() where id = %s", person.id)
        if kind == "expired session":
            self.run(
                "update app.sessions set created_at = created_at - interval '1 day', "
                "expires_at = private.now() - interval '1 second' where user_id = %s",
                person.id,
            )
        return person

    def _with_expired_token(self, person: Person) -> Person:
        """A token that was issued at the very end of its session; the session lives on, since the clock goes back."""
        self.run("update app.settings set session_absolute = '5 minutes'")
        try:
            assert person.login().status_code == 200
        finally:
            self.run("update app.settings set session_absolute = default")
        with near_the_end(person):
            assert person.refresh().json()["expires_in"] <= 1
        until(lambda: person.get("/v1/me").status_code == 401, 5, "the access token expires")
        return person

    def state(self, person: Person) -> Any:
        """Everything that a request could have changed about somebody."""
        return self.run(
            """select row(u.status, u.version, u.failed_login_attempts, u.locked_until, u.password_hash,
                      (select count(*) from app.sessions s where s.user_id = u.id and s.revoked_at is null),
                      (select array_agg(r.role_id order by r.role_id) from app.user_roles r where r.user_id = u.id),
                      (select count(*) from app.erasures e where e.user_id = u.id))::text
               from app.users u where u.id = %s""",
            person.id,
        )


@dataclass
class Case:
    """One request to be sent: by whom, about whom."""

    world: World
    kind: str
    caller: Person
    target: Person

    def open_session(self) -> str:
        """One more session of the target; its public id."""
        query = "select (private.open_session(%s, private.random_token(), '1 day')).id::text"
        return str(self.world.run(query, self.target.id))

    def refresh_token(self) -> str:
        """A live refresh token of the target."""
        twin = self.target.elsewhere()
        assert twin.login().status_code == 200
        return str(twin.session["refresh_token"])

    def phone_code(self) -> str:
        """The code that was sent to the target's telephone."""
        self.world.run("update app.phone_verification_codes set revoked_at = private.now() where used_at is null")
        self.world.run(
            """insert into app.phone_verification_codes (user_id, phone, code_hash, expires_at)
               select id, '+41791234567', private.keyed_digest('phone ' || id || ' 123456'), private.now() + '1 minute'
               from app.users where id = %s""",
            self.target.id,
        )
        return "123456"

    def factor(self, person: Person, is_confirmed: bool = True) -> dict[str, str]:
        """A second factor of somebody, with a recovery code for a body that takes one."""
        self.no_factor(person)
        self.world.run(
            "insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) "
            "values (%s, %s, case when %s then private.now() end, case when %s then 1 end)",
            person.id,
            Sealer(self.world.service.var / "secrets" / "sealing").seal(SECRET),
            is_confirmed,
            is_confirmed,
        )
        self.world.run(
            "insert into app.recovery_codes (user_id, code_hash) "
            "values (%s, private.recovery_digest(%s, 'aaaaa-bbbbb-ccccc-ddddd-eeeee'))",
            person.id,
            person.id,
        )
        return {"recovery_code": "aaaaa-bbbbb-ccccc-ddddd-eeeee"}

    def no_factor(self, person: Person) -> dict[str, str]:
        """Nothing of a second factor is left."""
        self.world.run("delete from app.totp_factors where user_id = %s", person.id)
        self.world.run("delete from app.recovery_codes where user_id = %s", person.id)
        return {}

    def totp_code(self, person: Person) -> dict[str, str]:
        """What the app of somebody shows that waits to be confirmed."""
        self.factor(person, is_confirmed=False)
        step = self.world.run("select floor(extract(epoch from private.now()) / 30)::bigint")
        return {"code": code_at(SECRET, step)}

    def challenge(self) -> str:
        """What the target's password has got."""
        return str(
            self.world.run(
                "insert into app.login_challenges (user_id, token_hash, expires_at) "
                "select %s, private.digest(t), private.now() + '1 minute' from (select %s) c (t) returning %s",
                self.target.id,
                token := fresh("challenge"),
                token,
            )
        )

    def api_key(self) -> str:
        """One more API key of the target; its public id."""
        return str(self.world.run("select (private.issue_api_key(%s, 'matrix', '{}', null)).id", self.target.id))

    def role(self) -> str:
        """A role that can be changed and dropped."""
        return str(self.world.run("insert into app.roles (name) values (%s) returning name::text", fresh("role")))


def fresh(prefix: str) -> str:
    """A name that nobody has."""
    return f"{prefix}_{next(_numbers)}"


def new_account(case: Case) -> dict[str, Any]:
    """What an invitation takes."""
    name = fresh("new")
    return {"email": f"{name}@example.com", "username": name}


BODIES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "POST /v1/auth/register": lambda case: new_account(case) | {"password": PASSWORD, "gdpr_consent": True},
    "POST /v1/auth/login": lambda case: {"identifier": case.target.email, "password": PASSWORD},
    "POST /v1/auth/mfa": lambda case: case.factor(case.target) | {"challenge": case.challenge()},
    "POST /v1/auth/refresh": lambda case: {"refresh_token": case.refresh_token()},
    "POST /v1/auth/logout": lambda case: {"refresh_token": case.refresh_token()},
    "POST /v1/auth/email/verify": lambda case: {
        "token": mailed_token(case.world.service, case.target.id, "verification")
    },
    "POST /v1/auth/email/verification": lambda case: {"email": case.target.email},
    "POST /v1/auth/password/forgot": lambda case: {"email": case.target.email},
    "POST /v1/auth/password/reset": lambda case: {
        "token": mailed_token(case.world.service, case.target.id, "reset"),
        "password": NEW_PASSWORD,
    },
    "PATCH /v1/me": lambda case: {"locale": "de"},
    "POST /v1/me/delete": lambda case: {"password": PASSWORD},
    "POST /v1/me/password": lambda case: {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
    "POST /v1/me/email": lambda case: {"new_email": f"{fresh('new')}@example.com", "password": PASSWORD},
    "POST /v1/me/phone": lambda case: {"phone": "+41791234567"},
    "POST /v1/me/phone/verify": lambda case: {"code": case.phone_code()},
    "POST /v1/me/mfa": lambda case: case.no_factor(case.caller) | {"password": PASSWORD},
    "POST /v1/me/mfa/confirm": lambda case: case.totp_code(case.caller),
    "POST /v1/me/mfa/recovery-codes": lambda case: case.factor(case.caller) | {"password": PASSWORD},
    "POST /v1/me/mfa/disable": lambda case: case.factor(case.caller) | {"password": PASSWORD},
    "PUT /v1/me/consents/{purpose}": lambda case: {"granted": True},
    "POST /v1/me/api-keys": lambda case: {"name": "robot", "scopes": [], "password": PASSWORD},
    "POST /v1/users/{id}/api-keys": lambda case: {"name": "robot", "scopes": []},
    "POST /v1/users": new_account,
    "PATCH /v1/users/{id}": lambda case: {"locale": "de"},
    "POST /v1/roles": lambda case: {"name": fresh("role"), "permissions": ["users:read"]},
    "PATCH /v1/roles/{name}": lambda case: {"description": "Changed"},
    "PUT /v1/users/{id}/roles/{name}": lambda case: {},
}
"""What a request carries; the others have no body."""

ENDS_THE_CALLER = {
    "POST /v1/me/delete",
    "POST /v1/me/password",
    "POST /v1/auth/password/reset",
    "POST /v1/auth/login",
    "POST /v1/auth/mfa",
    "POST /v1/me/mfa",
    "POST /v1/me/mfa/confirm",
    "POST /v1/me/mfa/recovery-codes",
    "POST /v1/me/mfa/disable",
}
"""After these the caller's password, factor or account is another, so the next request has a new one."""

STATE_BEFORE = {
    "DELETE /v1/users/{id}/mfa": (
        "insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) "
        "values (%s, '0123456789abcdef.' || repeat('A', 64), private.now(), 1)"
    ),
    "POST /v1/users/{id}/restore": "update app.users set status = 'deleted', deleted_at = private.now() where id = %s",
    "POST /v1/users/{id}/reactivate": (
        "update app.users set status = 'suspended', suspended_at = private.now() where id = %s"
    ),
}
"""What puts the target into the state in which the route does something."""


def path_of(route: str, case: Case) -> str:
    """The path with the case's things in place of its placeholders."""
    path = route.partition(" ")[2]
    if path == "/v1/me/sessions/{id}":
        return path.replace("{id}", case.open_session())
    if path == "/v1/me/api-keys/{id}":
        return path.replace("{id}", case.api_key())
    if "{key_id}" in path:
        path = path.replace("{key_id}", case.api_key())
    path = path.replace("{action}", "reset_password")
    name = "user" if path.startswith("/v1/users/") else case.role() if "{name}" in path else ""
    return path.replace("{id}", case.target.id).replace("{name}", name).replace("{purpose}", "newsletter")


def case_of(world: World, route: str, kind: str) -> Case:
    """The caller and the target of one cell."""
    caller = world.caller(kind)
    if kind == "own" and route not in STATE_BEFORE:
        return Case(world, kind, caller, caller)
    target = world.person("admin" if kind == "support on admin" else None)
    if route in STATE_BEFORE:
        world.run(STATE_BEFORE[route], target.id)
    return Case(world, kind, caller, target)


@pytest.fixture(scope="module")
def world(shared_service: Service) -> World:
    """Everybody, all with one password; and an administrator, so that no other is the last."""
    first = member(shared_service, "matrix")
    stored = shared_service.database.execute("select password_hash from app.users where id = %s", [first.id]).fetchone()
    assert stored
    world = World(shared_service, str(stored[0]))
    world.person("admin")
    return world


@pytest.fixture(scope="module")
def document(shared_service: Service) -> dict[str, dict[str, Any]]:
    """The operations of the OpenAPI document by route."""
    paths = shared_service.client.get("/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in HTTP_METHODS
    }


def test_the_table_has_every_route_and_no_other(document: dict[str, dict[str, Any]]) -> None:
    """BR-501: no route without a declaration."""
    assert MATRIX.keys() == document.keys()


def test_only_routes_that_are_about_nobody_else_leave_a_case_out() -> None:
    """BR-501: no case is forgotten."""
    for route, row in MATRIX.items():
        left_out = {kind for kind, status in row.items() if status == NO_CASE}
        assert left_out in (set(), {"other", "support on admin"}), route
        assert not left_out or "{id}" not in route, route


def admitted(world: World) -> dict[str, set[str]]:
    """Whom the database lets into each route, by its grants and by what the seeded roles allow."""
    rows = world.service.database.execute(
        """select substring(p.comment from '@http ([A-Z]+ [^\\n]+)'), k.kind
           from (select f.oid, obj_description(f.oid, 'pg_proc') as comment from pg_proc f
                 where f.pronamespace = 'api'::regnamespace) p
           cross join lateral substring(p.comment from '@permission ([a-z:_]+)') as needed
           cross join (values ('anonymous', null, 'roster_anonymous'), ('own', 'user', 'roster_user'),
                              ('other', 'user', 'roster_user'), ('support', 'support', 'roster_user'),
                              ('auditor', 'auditor', 'roster_user'), ('admin', 'admin', 'roster_user')
           ) as k (kind, held, database_role)
           where has_function_privilege('roster_anonymous', p.oid, 'execute')
              or has_function_privilege(k.database_role, p.oid, 'execute')
                 and (needed is null or exists (
                   select from app.roles r join app.role_permissions rp on rp.role_id = r.id
                   where r.name in (k.held, 'user') and rp.permission = needed))"""
    ).fetchall()
    found: dict[str, set[str]] = {route: set() for route, _ in rows}
    for route, kind in rows:
        found[route].add(kind)
    return found


def test_the_table_is_what_the_catalog_grants(world: World) -> None:
    """BR-501: the privileges in the database alone let in whom the table lets in, and nobody else."""
    entered = admitted(world)
    assert entered.keys() == {route for route in MATRIX if " /v1/" in route}
    for route, kinds in entered.items():
        shut_out = {
            "anonymous": "401",
            "own": "403",
            "other": "403",
            "support": "403",
            "auditor": "403",
            "admin": "403",
        }
        declared = {kind for kind, status in shut_out.items() if MATRIX[route][kind] not in (status, NO_CASE)}
        assert declared == {kind for kind in kinds if MATRIX[route][kind] != NO_CASE}, route
        for gone in ("suspended", "expired session", "expired token"):
            assert MATRIX[route][gone] == MATRIX[route]["anonymous"], f"{route}: a dead session is nobody's"


@pytest.mark.parametrize("route", MATRIX)
def test_each_caller_gets_the_declared_answer(world: World, document: dict[str, dict[str, Any]], route: str) -> None:
    """BR-501, BR-503, BR-508, BR-009, BR-114: permission, rank, one's own, suspension, others' sessions."""
    got, expected = {}, {}
    for kind, status in MATRIX[route].items():
        if status == NO_CASE:
            continue
        case = case_of(world, route, kind)
        body = {"json": BODIES[route](case)} if route in BODIES else {}
        path, before = path_of(route, case), world.state(case.target)
        answer = case.caller.request(route.partition(" ")[0], path, **body)
        expected[kind], got[kind] = status, str(answer.status_code)
        assert got[kind] in document[route]["responses"], f"{kind}: {got[kind]} is not documented: {answer.text}"
        told = document[route]["responses"][got[kind]]["headers"]
        for header in ("ETag", "RateLimit", "RateLimit-Policy"):
            assert (header in answer.headers) == (header in told), f"{kind}: {header}"
        if answer.status_code >= 400:
            problem(answer)
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401), kind
            assert case.target.email not in answer.text, kind
            assert world.state(case.target) == before, f"{kind}: a refusal changes nothing"
        if route in ENDS_THE_CALLER and kind in world.callers:
            del world.callers[kind]
    assert got == expected
