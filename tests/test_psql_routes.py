"""Every route's function, called in the real psql by an operator: it does the same, under the operator's name.

The requests are those of the matrix; what is about "me" goes through admin.act_as().
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.embedded import Server
from tests.databases import TestDatabase
from tests.operators import OPERATOR, Psql, operators
from tests.people import member
from tests.server import Service
from tests.test_matrix import BODIES, HTTP_METHODS, MATRIX, STATE_BEFORE, Case, World, path_of

NEW_HASH = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "B" * 43
PAGES_AND_KEYS = ("/health/", "/.well-known/", "/openapi.json", "/docs", "/account/", "/metrics")
ROUTES = [route for route in MATRIX if not route.partition(" ")[2].startswith(PAGES_AND_KEYS)]
SEALED = "0" * 16 + "." + "A" * 64
STATE_HERE = {
    "POST /v1/users/{id}/unlock": "update app.users set failed_login_attempts = 3 where id = %s",
    "PUT /v1/users/{id}/roles/{name}": "delete from app.user_roles where user_id = %s",
    "DELETE /v1/me/sessions": "select private.open_session(%s, private.random_token(), '1 day')",
    "DELETE /v1/users/{id}/sessions": "select private.open_session(%s, private.random_token(), '1 day')",
}
"""What puts the target into a state in which there is something to do."""


@pytest.fixture(scope="module")
def world(shared_service: Service) -> World:
    """Everybody, all with one password."""
    first = member(shared_service, "psql")
    row = shared_service.database.execute("select password_hash from app.users where id = %s", [first.id]).fetchone()
    assert row
    world = World(shared_service, str(row[0]))
    world.person("admin")
    return world


@pytest.fixture(scope="module")
def operator(module_database: TestDatabase, cluster: Server) -> Iterator[Psql]:
    """psql as a member of roster_dba who is no superuser."""
    with operators(module_database, cluster) as logins:
        yield logins[OPERATOR]


@dataclass(frozen=True)
class Function:
    """A route's function: its arguments, those without a default, the hashes of passwords, and whether it writes."""

    name: str
    arguments: list[str]
    needed: list[str]
    hashes: list[str]
    writes: bool


@pytest.fixture(scope="module")
def functions(shared_service: Service) -> dict[str, Function]:
    """The function of each route, as the document names it and the catalog describes it."""
    document = shared_service.client.get("/openapi.json").json()
    names = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in HTTP_METHODS
    }
    rows = shared_service.database.execute(
        """select p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'),
                  coalesce(p.proargnames[1:p.pronargs - p.pronargdefaults], '{}'),
                  array(select a.name from unnest(p.proargnames, p.proargtypes::oid[]) a (name, type)
                        where a.type = 'app.password_hash'::regtype and a.name <> 'upgraded_hash'),
                  p.provolatile = 'v'
           from pg_proc p where p.pronamespace = 'api'::regnamespace"""
    ).fetchall()
    known = {row[0]: Function(*row) for row in rows}
    return {route: known[name] for route, name in names.items() if name in known}


def call(route: str, case: Case, function: Function) -> str:
    """The SELECT that does what the matrix's request does."""
    body = BODIES[route](case) if route in BODIES else {}
    places, values = route.partition(" ")[2].split("/"), path_of(route, case).split("/")
    given: dict[str, Any] = {p.strip("{}"): v for p, v in zip(places, values, strict=True) if p.startswith("{")} | body
    given |= {name: case.world.password_hash if name == "verified_hash" else NEW_HASH for name in function.hashes}
    given |= {"present": list(body)}
    # What else the service makes of a request before it calls the function
    made = {"sealed_secret": SEALED, "verified_step": case.world.run("select (private.totp_steps())[1]")}
    given |= {name: value for name, value in made.items() if name in function.needed}
    sent = [f"{name} => {literal(value)}" for name, value in given.items() if name in function.arguments]
    return f"select to_jsonb(api.{function.name}({', '.join(sent)}))"


def literal(value: Any) -> str:
    """A value as psql takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "{" + ",".join(value) + "}" if isinstance(value, list) else value
    return "'" + str(text).replace("'", "''") + "'"


@pytest.mark.parametrize("route", ROUTES)
def test_an_operator_calls_every_routes_function_with_the_same_outcome_and_their_name_in_the_log(
    world: World, operator: Psql, functions: dict[str, Function], route: str
) -> None:
    """BR-509, BR-205"""
    target = world.person()
    for state in (STATE_BEFORE, STATE_HERE):
        if route in state:
            world.run(state[route], target.id)
    function = functions[route]
    commands = [call(route, Case(world, "operator", target, target), function)]
    if "/v1/me" in route:
        commands.insert(0, f"select act_as('{target.username}')")
    before = world.run("select coalesce(max(id), 0) from audit.audit_logs")
    done = operator.run(*commands)
    assert (done.returncode, done.stderr) == (0, ""), commands
    rows = (
        "select count(*) from audit.audit_logs"
        " where id > %s and database_role = %s and action not in ('operator.acted_as', 'sessions.inserted')"
    )
    if function.writes:
        assert world.run(rows, before, OPERATOR) > 0, "what was done is in the log"
