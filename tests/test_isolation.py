"""One connection for everybody: people never see each other on it, and nothing stays on it, whatever goes wrong."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.databases import TestDatabase
from tests.people import NEW_PASSWORD, WRONG_PASSWORD, Person, client_of, holder, member, one, problem
from tests.server import Service, serving
from tests.sources import Sources, route
from tests.waiting import under_load, until

REQUESTS = 400

# Stands before the real door and writes down what an arriving request finds on its connection.
SPY = """
create table public.found (role text, setting text, value text);
grant insert on public.found to roster_owner;
alter function http.enter(regprocedure, jsonb) set schema private;
create function http.enter(route regprocedure, context jsonb) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.found
  select current_setting('role'), s.name, current_setting(s.name, true)
  from string_to_table(
    'request.context request.session response.status response.problem response.headers response.claims', ' '
  ) as s (name)
  where nullif(current_setting(s.name, true), '') is not null
  union all
  select current_setting('role'), 'session_user', session_user;
  return private.enter(route, context);
end
$$;
alter function http.enter(regprocedure, jsonb) owner to roster_owner;
revoke all on function http.enter(regprocedure, jsonb) from public;
grant execute on function http.enter(regprocedure, jsonb) to roster_authenticator;
"""
SLOW = route("slow(seconds numeric) returns void", "perform pg_sleep(seconds);", "@http POST /v1/slow")
BREAK = route(
    "crash(how text) returns void",
    "perform set_config('request.session', how, true);\n  perform 1 / 0;",
    "@http POST /v1/crash",
)


@pytest.fixture(scope="module")
def narrow(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose pool has one connection, with a short statement timeout, a slow route and one that fails."""
    directory = tmp_path_factory.mktemp("narrow")
    sources = Sources(directory)
    sources.write(SLOW)
    sources.write(BREAK)
    sources.deploy(module_database.admin_dsn)
    module_database.admin.execute(SPY)
    module_database.admin.execute(
        f"alter role roster_authenticator in database {module_database.name} set statement_timeout = '300ms'"
    )
    with serving(module_database, directory, PGROSTER_POOL_SIZE="1") as service:
        yield service


@pytest.fixture
def service(narrow: Service) -> Service:
    """The narrow service, with nothing found yet."""
    narrow.database.execute("truncate public.found")
    return narrow


def is_me(person: Person) -> str | None:
    """Ask who one is; complains of any other answer than oneself."""
    answer = person.get("/v1/me")
    if answer.status_code == 503:
        return None  # the one connection was busy for longer than anybody waits
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text}"
    return None if answer.json()["id"] == person.id else f"{person.id} was told {answer.text}"


def sees_own_sessions(person: Person) -> str | None:
    """List one's sessions; complains of any but the one."""
    answer = person.get("/v1/me/sessions")
    if answer.status_code == 503:
        return None
    found = [s["id"] for s in answer.json()["items"]]
    return None if found == [person.session["session_id"]] else f"{person.session['session_id']} saw {answer.text}"


def fails(person: Person, method: str, path: str, statuses: set[int], **more: object) -> str | None:
    """A request that has to be refused or to fail."""
    answer = person.request(method, path, **more)  # type: ignore[arg-type]
    return None if answer.status_code in statuses | {503} else f"{path}: {answer.status_code} {answer.text}"


def hang_up(person: Person, method: str, path: str, body: bytes = b"") -> None:
    """Send a request and close the connection without waiting for the answer."""
    address = urlsplit(person.service.base_url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body)


def test_people_on_one_connection_never_mix_whatever_goes_wrong_between_them(service: Service) -> None:
    ann, bob = member(service, "ann"), member(service, "bob")
    service.database.execute("truncate public.found")
    nobody = Person(service)
    actions: list[Callable[[], str | None]] = [
        partial(is_me, ann),
        partial(is_me, bob.twin()),
        partial(sees_own_sessions, ann.twin()),
        partial(sees_own_sessions, bob.twin()),
        partial(fails, nobody, "GET", "/v1/me", {401}),
        partial(fails, ann.twin(), "PATCH", "/v1/me", {412}, json={"first_name": "x"}, headers={"If-Match": '"0"'}),
        partial(fails, bob.twin(), "POST", "/v1/crash", {500}, json={"how": ann.token}),
        partial(fails, bob.twin(), "POST", "/v1/slow", {503}, json={"seconds": 20}),
        partial(hang_up, bob, "GET", "/v1/me"),
        partial(hang_up, ann, "POST", "/v1/slow", b'{"seconds": 0.1}'),
    ]
    with under_load(*actions) as load:
        until(lambda: load.done > REQUESTS, 60, "requests")
    assert load.failures == []
    assert until(lambda: is_me(ann) is None and ann.get("/v1/me").status_code == 200, 10)
    assert ann.get("/v1/me").json()["first_name"] is None
    assert bob.get("/v1/me").json()["id"] == bob.id
    found = service.database.execute("select distinct role, setting, value from public.found").fetchall()
    assert found == [("none", "session_user", "roster_authenticator")]


@pytest.mark.parametrize(
    "before",
    [
        "ok",
        "permitted",
        "refused",
        "raised",
        "failed",
        "timed out",
        "hung up",
        "signed in",
        "wrong password",
        "reauthenticated",
        "invalid",
        "unreadable",
    ],
)
def test_nothing_stays_on_the_connection_after_a_request(service: Service, before: str) -> None:
    ann, admin, nobody = member(service), holder(service, "admin"), Person(service)
    backend = "select pid from pg_stat_activity where usename = 'roster_authenticator' and datname = current_database()"
    pids = {pid for (pid,) in service.database.execute(backend)}
    requests: dict[str, Callable[[], httpx.Response | None]] = {
        "ok": lambda: ann.get("/v1/me"),
        "refused": lambda: ann.get("/v1/users"),
        "raised": lambda: ann.request("PATCH", "/v1/me", json={}, headers={"If-Match": '"0"'}),
        "failed": lambda: ann.post("/v1/crash", {"how": "left over"}),
        "timed out": lambda: ann.post("/v1/slow", {"seconds": 20}),
        "hung up": lambda: hang_up(ann, "POST", "/v1/slow", b'{"seconds": 0.1}'),
        "signed in": ann.login,
        "wrong password": lambda: ann.elsewhere().login(password=WRONG_PASSWORD),
        "reauthenticated": lambda: ann.post("/v1/me/email", {"new_email": "x@example.org", "password": ann.password}),
        "permitted": lambda: admin.get("/v1/users"),
        "invalid": lambda: ann.request("PATCH", "/v1/me", json={"first_name": 1}),
        "unreadable": lambda: ann.request(
            "PATCH", "/v1/me", content=b"{", headers={"Content-Type": "application/json"}
        ),
    }
    statuses = {
        "refused": 403, "raised": 412, "failed": 500, "timed out": 503, "invalid": 422, "wrong password": 401,
        "reauthenticated": 202, "unreadable": 400,
    }  # fmt: skip
    answer = requests[before]()
    if answer is not None:
        assert answer.status_code == statuses.get(before, 200), answer.text
    else:
        until(lambda: one(service, "select count(*) from public.found where setting = 'session_user'") > 0)
    service.database.execute("truncate public.found")
    assert problem(until_served(nobody)) == (401, "authentication_required"), "nobody inherits an identity"
    found = service.database.execute("select role, setting, value from public.found").fetchall()
    assert set(found) == {("none", "session_user", "roster_authenticator")}
    assert pids & {pid for (pid,) in service.database.execute(backend)} == pids, "it was the same connection"


def until_served(nobody: Person) -> httpx.Response:
    """The answer to GET /v1/me once the one connection is free."""
    return until(lambda: (a := nobody.get("/v1/me")).status_code != 503 and a, 10) or nobody.get("/v1/me")


def test_a_statement_timeout_is_a_503_that_says_when_to_come_back_and_leaves_nothing_half_done(
    service: Service, tmp_path: Path
) -> None:
    ann = member(service)
    answer = ann.post("/v1/slow", {"seconds": 20})
    assert problem(answer) == (503, "timeout")
    assert int(answer.headers["retry-after"]) > 0
    assert ann.get("/v1/me").status_code == 200
    assert ann.post("/v1/slow", {"seconds": 0}).status_code == 204


def test_an_unexpected_error_tells_nothing_of_the_database(service: Service) -> None:
    ann = member(service)
    answer = ann.post("/v1/crash", {"how": "x"})
    assert problem(answer) == (500, "internal_error")
    for word in ("zero", "division", "22012", "PL/pgSQL", "crash", "select"):
        assert word not in answer.text
    assert answer.headers["x-request-id"] in service.log.read_text(), "the log has it"


def test_a_change_that_waits_for_the_connection_of_a_hung_up_request_is_whole(service: Service) -> None:
    ann = member(service)
    hang_up(ann, "POST", "/v1/slow", b'{"seconds": 0.2}')
    changed = ann.post("/v1/me/password", {"current_password": ann.password, "new_password": NEW_PASSWORD})
    assert changed.status_code == 204
    assert client_of(service).get("/v1/me").status_code == 401
    assert ann.elsewhere().login(password=NEW_PASSWORD).status_code == 200
