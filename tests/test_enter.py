"""The door: a refused request is counted and recorded, and its operation has not run, as nobody at all."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.databases import TestDatabase
from tests.people import Person, early_in_a_minute, grant, member, moved_clock, one, problem
from tests.server import Service, serving
from tests.sources import Sources, route

# A sequence does not roll back and the table is open to everybody: had the function run at all, as any role, in a
# transaction that committed or not, it would show.
MARKS = """
create sequence public.calls;
create table public.marks (who text, note text);
grant usage on sequence public.calls to public;
grant insert on public.marks to public;
insert into app.rate_limit_policies (name, quota, period, description) values ('marks', 3, '1 minute', 'for a test');
"""
BODY = "perform nextval('public.calls');\n  insert into public.marks values (current_user, note);"


def mark(name: str, tags: str, callers: str) -> str:
    """A route that leaves a mark when it runs."""
    return route(f"{name}(note text) returns void", BODY, f"@http POST /v1/{name}\n{tags}".rstrip(), callers=callers)


@pytest.fixture(scope="module")
def marked(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with routes that leave marks: for everybody, for users, for holders of a permission, with a limit."""
    module_database.admin.execute(MARKS)
    directory = tmp_path_factory.mktemp("marked")
    sources = Sources(directory)
    sources.write(mark("mark_open", "", "roster_anonymous, roster_user"))
    sources.write(mark("mark_signed_in", "", "roster_user"))
    sources.write(mark("mark_permitted", "@permission roles:write", "roster_user"))
    sources.write(mark("mark_limited", "@rate_limit marks", "roster_anonymous, roster_user"))
    sources.deploy(module_database.admin_dsn)
    with serving(module_database, directory) as service:
        module_database.admin.execute("update app.rate_limit_policies set quota = 3 where name = 'marks'")
        yield service


@pytest.fixture
def service(marked: Service) -> Iterator[Service]:
    """The marked service, with no mark yet and no count."""
    marked.database.execute("truncate public.marks, app.rate_limits")
    marked.database.execute("select setval('public.calls', 1, false)")
    with early_in_a_minute(marked):
        yield marked


def post(person: Person, name: str) -> Any:
    """Call a marking route."""
    return person.post(f"/v1/{name}", {"note": "here"})


def marks(service: Service) -> list[str]:
    """The database roles that left a mark, after a look that none was rolled back."""
    roles = [who for (who,) in service.database.execute("select who from public.marks")]
    called = one(service, "select case when is_called then last_value else 0 end from public.calls")
    assert called == len(roles), "a call was rolled back"
    return roles


def hits(service: Service, policy: str = "default") -> tuple[int, int]:
    """How many requests a limit let through and refused."""
    rows = service.database.execute("select hits, refused_hits from app.rate_limits where policy = %s", [policy])
    let_through, refused = rows.fetchone() or (0, 0)
    return let_through, refused


def refusals(service: Service, request_id: str) -> list[tuple[Any, ...]]:
    """The audit rows of a request."""
    return service.database.execute(
        "select action, user_id::text, coalesce(details ->> 'code', details ->> 'policy'), client_address::text, route"
        " from audit.audit_logs where request_id = %s",
        [request_id],
    ).fetchall()


def test_an_admitted_request_runs_as_the_role_of_its_caller(service: Service) -> None:
    ann = member(service)
    assert post(Person(service), "mark_open").status_code == 204
    assert post(ann, "mark_open").status_code == 204
    assert post(ann, "mark_signed_in").status_code == 204
    assert marks(service) == ["roster_anonymous", "roster_anonymous", "roster_user"], "an open route asks for nobody"


def ended_session(service: Service) -> Person:
    """Somebody whose session has been ended."""
    ann = member(service)
    ann.client.post("/v1/auth/logout", json={"refresh_token": ann.session["refresh_token"]})
    return ann


@pytest.mark.parametrize(
    ("who", "name", "refusal"),
    [
        (Person, "mark_signed_in", (401, "authentication_required")),
        (Person, "mark_permitted", (401, "authentication_required")),
        (ended_session, "mark_signed_in", (401, "session_expired")),
        (ended_session, "mark_permitted", (401, "session_expired")),
        (member, "mark_permitted", (403, "forbidden")),
    ],
)
def test_a_refused_request_is_counted_and_recorded_and_has_not_run(
    service: Service, who: Callable[[Service], Person], name: str, refusal: tuple[int, str]
) -> None:
    assert one(service, "select has_function_privilege('roster_authenticator', %s, 'execute')", f"api.{name}(text)"), (
        "the login role itself could run it"
    )
    person = who(service)
    before = hits(service)
    answer = post(person, name)
    assert problem(answer) == refusal
    assert hits(service) == (before[0] + 1, 0)
    user = person.id or None
    if refusal[1] == "session_expired":
        user = None  # a session that has ended tells nobody's name
    assert refusals(service, answer.headers["x-request-id"]) == [
        ("request.refused", user, refusal[1], "127.0.0.1/32", f"api.{name}(text)")
    ]
    assert marks(service) == []


def test_a_request_over_its_limit_is_counted_and_recorded_once_a_window_and_has_not_run(service: Service) -> None:
    ann = member(service)
    assert [post(ann, "mark_limited").status_code for _ in range(3)] == [204] * 3
    refused = [post(ann, "mark_limited") for _ in range(4)]
    assert {problem(a) for a in refused} == {(429, "rate_limited")}
    assert hits(service, "marks") == (3, 4)
    recorded = [refusals(service, a.headers["x-request-id"]) for a in refused]
    assert recorded[0] == [("request.rate_limited", None, "marks", "127.0.0.1/32", "api.mark_limited(text)")]
    assert recorded[1:] == [[], [], []], "a flood leaves one row a window"
    assert marks(service) == ["roster_anonymous"] * 3
    with moved_clock(service, f"{refused[-1].headers['retry-after']} seconds"):
        assert post(ann, "mark_limited").status_code == 204


def test_everybody_of_one_address_shares_its_limit(service: Service) -> None:
    people = [Person(service), member(service), member(service), Person(service)]
    assert [post(person, "mark_limited").status_code for person in people] == [204, 204, 204, 429]


def test_a_permission_opens_the_door(service: Service) -> None:
    ann = member(service)
    assert post(ann, "mark_permitted").status_code == 403
    grant(ann, "admin")
    assert post(ann, "mark_permitted").status_code == 204
    assert marks(service) == ["roster_user"]


def test_a_refusal_before_hashing_costs_no_guess(service: Service) -> None:
    ann = member(service)
    service.database.execute("update app.rate_limit_policies set quota = 1 where name = 'login'")
    service.database.execute("truncate app.rate_limits")
    try:
        assert ann.login(password="no such password at all").status_code == 401
        assert [ann.login(password="no such password at all").status_code for _ in range(3)] == [429] * 3
    finally:
        service.database.execute("update app.rate_limit_policies set quota = 1000000 where name = 'login'")
    assert one(service, "select failed_login_attempts from app.users where id = %s", ann.id) == 1
