"""The same connection, statement by statement, as the service uses it: whatever ends one, the next starts as nobody."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
import pytest

from api.catalog import read_now
from api.operations import compose
from api.service import RESERVED
from api.statements import Statement, Statements
from api.statements import compose as statements_of
from tests.databases import TestDatabase
from tests.sources import Sources, route
from tests.waiting import until

CLEAN = {"current_user": "roster_authenticator", "session_user": "roster_authenticator", "role": "none"}
STATE = """
select 'current_user', current_user::text
union all select 'session_user', session_user::text
union all select 'role', current_setting('role')
union all select s.name, current_setting(s.name, true)
from unnest('{request.context,request.session}'::text[]
            || '{response.status,response.problem,response.headers,response.claims}') as s (name)
where nullif(current_setting(s.name, true), '') is not null
"""
HASH = "$2b$12$" + "h" * 53
SLOW = route("slow(seconds numeric) returns void", "perform pg_sleep(seconds);", "@http POST /v1/slow")
CRASH = route("crash() returns void", "perform 1 / 0;", "@http POST /v1/crash")
CARELESS = route(
    "careless(secret text) returns void",
    "perform set_config('request.session', secret, false), set_config('response.claims', '{\"sid\": \"x\"}', false);",
    "@http POST /v1/careless",
)
STUCK = route("stuck() returns void", "perform set_config('role', 'roster_user', false);", "@http POST /v1/stuck")


class Answer(NamedTuple):
    """What a statement says: the answer, the code of a refusal, and what an access token would say."""

    body: dict[str, Any]
    problem: str | None
    claims: dict[str, Any]


@dataclass
class Line:
    """One connection as the service's login, the statements of all routes, and two people's sessions."""

    connection: psycopg.Connection[Any]
    admin: psycopg.Connection[Any]
    routes: dict[str, Statements]
    secrets: dict[str, str] = field(default_factory=dict)

    def send(self, name: str, who: str | None = None, **arguments: str) -> Answer:
        """A request. Raises psycopg.Error as PostgreSQL does."""
        return self.run(self.routes[name].call, who, **arguments)

    def run(self, statement: Statement, who: str | None = None, **arguments: str) -> Answer:
        """The same for one of a route's statements."""
        context = {"address": "192.0.2.7", "request_id": "r"} | ({"session": self.secrets.get(who, who)} if who else {})
        values = [json.dumps(context), *[arguments.get(name) for name in statement.names]]
        parameters = [value.encode() if value is not None else None for value in values]
        result = self.connection.pgconn.exec_params(statement.query, parameters)
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        body, problem, claims = (json.loads(result.get_value(0, column) or b"{}") for column in (0, 2, 4))
        return Answer(body, problem.get("code"), claims)

    def state(self) -> dict[str, str]:
        """Who the connection is, and what is set on it that a request sets."""
        return dict(self.connection.execute(STATE).fetchall())

    def whoever(self, name: str | None) -> Any:
        """What the connection says of who is asking: a username, or the code of a refusal."""
        answer = self.send("get_me", name)
        return answer.problem or answer.body["username"]


@pytest.fixture(scope="module")
def line(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Everything ready, with routes that are slow, fail, or leave settings behind."""
    sources = Sources(tmp_path_factory.mktemp("line"))
    for text in (SLOW, CRASH, CARELESS, STUCK):
        sources.write(text)
    sources.deploy(module_database.admin_dsn)
    module_database.admin.execute("update app.rate_limit_policies set quota = 1000000")
    with psycopg.connect(module_database.admin_dsn, autocommit=True) as reader:
        operations = compose(read_now(reader), RESERVED).operations
    with psycopg.connect(module_database.api_dsn, autocommit=True) as connection:
        line = Line(connection, module_database.admin, {o.name: statements_of(o) for o in operations})
        for name in ("ann", "bob"):
            line.admin.execute(
                "select private.create_account(%s, %s, %s, null, null, null, 'en')", [f"{name}@example.org", name, HASH]
            )
            line.secrets[name] = sign_in(line, name)
        yield line


def sign_in(line: Line, name: str) -> str:
    """The secret that somebody's access token would carry."""
    return str(line.send("login", identifier=name, verified_hash=HASH).claims["sid"])


def cancelled(line: Line, who: str) -> None:
    """A statement that somebody cancels while it runs."""
    pid = line.connection.info.backend_pid
    sleeping = "select 1 from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"

    def cancel() -> None:
        until(lambda: line.admin.execute(sleeping, [pid]).fetchone(), 60)
        line.admin.execute("select pg_cancel_backend(%s)", [pid])

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(psycopg.errors.QueryCanceled):
            line.send("slow", who, seconds="120")
    finally:
        thread.join()


def timed_out(line: Line, who: str) -> None:
    """A statement over its time."""
    line.connection.execute("set statement_timeout = '50ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        line.send("slow", who, seconds="120")
    line.connection.execute("reset statement_timeout")


def locked_out(line: Line, who: str) -> None:
    """A statement that waits for a row for too long."""
    line.connection.execute("set lock_timeout = '20ms'")
    with line.admin.transaction():
        line.admin.execute("select from app.user_profiles for update")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            line.send("update_me", who, present="{first_name}", first_name="Ann")
    line.connection.execute("reset lock_timeout")


def answered(line: Line, who: str) -> None:
    """A good request."""
    assert line.whoever(who) == who


def changed(line: Line, who: str) -> None:
    """A change."""
    assert line.send("update_me", who, present="{locale}", locale="de").problem is None


def refused(line: Line, who: str) -> None:
    """A request for which a permission is missing."""
    assert line.send("list_users", who).problem == "forbidden"


def refused_session(line: Line, who: str) -> None:
    """A session that there is not."""
    assert line.send("get_me", f"not the secret of {who}").problem == "session_expired"


def signed_in(line: Line, who: str) -> None:
    """A sign-in, which opens a session as nobody."""
    sign_in(line, who)


def refused_password(line: Line, who: str) -> None:
    """A wrong password, which is counted."""
    wrong = HASH.replace("h", "i")
    assert line.send("login", None, identifier=who, verified_hash=wrong).problem == "invalid_credentials"
    line.admin.execute("delete from app.login_sources")


def prepared(line: Line, who: str) -> None:
    """The first of the two statements of a request with a password, whose second never comes."""
    statement = line.routes["change_password"].prepare
    assert statement
    assert line.run(statement, who).problem is None


def raised(line: Line, who: str) -> None:
    """An operation that raises."""
    with pytest.raises(psycopg.Error) as error:
        line.send("update_me", who, present="{locale}", locale="de", if_match='"0"')
    assert error.value.diag.message_detail == "precondition_failed"


def invalid(line: Line, who: str) -> None:
    """A value that its type refuses."""
    with pytest.raises(psycopg.errors.CheckViolation):
        line.send("update_me", who, present="{username}", username="!")


def failed(line: Line, who: str) -> None:
    """A mistake in a function."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        line.send("crash", who)


def careless(line: Line, who: str) -> None:
    """A function that sets for the connection what is meant for the request: the next request overwrites it."""
    assert line.send("careless", who, secret=line.secrets[who]).problem is None


ENDS: list[Callable[[Line, str], None]] = [
    answered, changed, refused, refused_session, signed_in, refused_password, prepared, raised, invalid, failed,
    timed_out, locked_out, cancelled,
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_nothing_stays_on_the_connection(line: Line, end: Callable[[Line, str], None]) -> None:
    end(line, "ann")
    assert line.state() == CLEAN
    assert line.whoever(None) == "authentication_required"
    assert line.whoever("bob") == "bob"
    assert line.state() == CLEAN


def test_two_people_in_turns_stay_themselves_after_whatever_ended_the_others_statement(line: Line) -> None:
    for first, second in itertools.product(ENDS, repeat=2):
        if cancelled in (first, second) or timed_out in (first, second):
            continue  # those wait, and have their turn above
        first(line, "ann")
        second(line, "bob")
        assert (line.whoever("ann"), line.whoever(None), line.whoever("bob")) == (
            "ann",
            "authentication_required",
            "bob",
        )
        assert line.state() == CLEAN, (first, second)


def test_a_careless_function_gives_nobody_an_identity(line: Line) -> None:
    careless(line, "ann")
    assert line.whoever(None) == "authentication_required"
    assert line.whoever("bob") == "bob"
    assert line.send("list_users", "bob").problem == "forbidden"
    line.connection.execute("reset all")


def test_a_function_that_keeps_its_role_makes_the_connection_useless_rather_than_somebodys(line: Line) -> None:
    assert line.send("stuck", "ann").problem is None
    for who in (None, "bob", "ann"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.send("get_me", who)
    line.connection.execute("reset role")
    assert line.whoever("bob") == "bob"
