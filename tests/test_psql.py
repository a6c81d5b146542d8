"""The same operations by a database operator in the real psql: the same rules and outcomes, their name in the log."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from api.embedded import Server
from tests.databases import TestDatabase
from tests.operators import OPERATOR, STRANGER, Psql, operators
from tests.people import PASSWORD, Person, holder, member, one, problem
from tests.server import Service

HASH = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "B" * 43


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


@pytest.fixture(scope="module")
def logins(module_database: TestDatabase, cluster: Server) -> Iterator[dict[str, Psql]]:
    """An operator, and somebody without any role."""
    with operators(module_database, cluster) as logins:
        yield logins


@pytest.fixture
def operator(logins: dict[str, Psql]) -> Psql:
    """psql as the operator."""
    return logins[OPERATOR]


def audit_rows(service: Service, user_id: str) -> list[tuple[Any, ...]]:
    """What the operator did about somebody, in order."""
    return service.database.execute(
        "select action, actor_user_id::text, request_id, application_name from audit.audit_logs"
        " where user_id = %s and database_role = %s order by id",
        [user_id, OPERATOR],
    ).fetchall()


def test_an_operator_does_in_psql_what_an_administrator_does_over_http(service: Service, operator: Psql) -> None:
    ann, admin = member(service), holder(service, "admin")
    assert operator.json(f"select to_json((get_user('{ann.id}')).username)") == ann.username
    found = operator.json(f"select to_json(list_users(q => '{ann.email}'))")["items"]
    assert found == admin.get("/v1/users", params={"q": ann.email}).json()["items"]

    assert operator.json(f"select to_json((suspend_user('{ann.id}')).status)") == "suspended"
    assert problem(ann.get("/v1/me")) == (401, "session_expired")
    assert problem(ann.login()) == (401, "invalid_credentials")
    assert operator.json(f"select to_json((reactivate_user('{ann.id}')).status)") == "inactive"
    assert ann.login().status_code == 200

    assert operator.run(f"select assign_role('{ann.id}', 'auditor')").returncode == 0
    assert ann.get("/v1/audit-logs").status_code == 200
    assert operator.run(f"select remove_role('{ann.id}', 'auditor')").returncode == 0
    assert problem(ann.get("/v1/audit-logs")) == (403, "forbidden")

    assert operator.run(f"select delete_user('{ann.id}')").returncode == 0
    assert ann.get("/v1/me").status_code == 401
    assert operator.json(f"select to_json((restore_user('{ann.id}')).deleted_at is null)") is True
    assert ann.login().status_code == 200

    seen = operator.json(f"select to_json(list_audit_logs(user_id => '{ann.id}', \"limit\" => 100))")["items"]
    assert {row["database_role"] for row in seen} == {"roster_authenticator", OPERATOR}
    rows = audit_rows(service, ann.id)
    assert [action for action, *_ in rows if action.startswith(("users.", "user_roles."))] == [
        "users.updated", "users.updated", "user_roles.inserted", "user_roles.deleted", "users.updated", "users.updated",
    ]  # fmt: skip
    assert {tuple(rest) for _, *rest in rows} == {(None, None, "an operator's desk")}


@pytest.mark.parametrize(
    ("command", "sqlstate", "code", "path"),
    [
        ("select suspend_user('{unknown}')", "UM404", "not_found", ("POST", "/v1/users/{unknown}/suspend")),
        ("select reactivate_user('{ann}')", "UM409", "status_conflict", ("POST", "/v1/users/{ann}/reactivate")),
        ("select restore_user('{ann}')", "UM409", "status_conflict", ("POST", "/v1/users/{ann}/restore")),
        ("select delete_user('{ann}', '\"0\"')", "UM412", "precondition_failed", ("DELETE", "/v1/users/{ann}")),
        ("select list_users(cursor => 'forged')", "UM400", "cursor_invalid", ("GET", "/v1/users?cursor=forged")),
        ("select assign_role('{ann}', 'unheard')", "UM404", "not_found", ("PUT", "/v1/users/{ann}/roles/unheard")),
    ],
)
def test_a_rule_refuses_in_psql_as_it_does_over_http(
    service: Service, operator: Psql, command: str, sqlstate: str, code: str, path: tuple[str, str]
) -> None:
    ann, admin = member(service), holder(service, "admin")
    ids = {"ann": ann.id, "unknown": "00000000-0000-4000-8000-000000000000"}
    said = operator.fails(command.format(**ids))
    assert f"ERROR:  {sqlstate}: " in said
    assert f"DETAIL:  {code}" in said
    assert "HINT:  " in said
    headers = {"If-Match": '"0"'} if code == "precondition_failed" else {}
    answer = admin.request(path[0], path[1].format(**ids), headers=headers)
    assert problem(answer) == (int(sqlstate[2:]), code)
    assert answer.json()["title"] in said


def test_an_operator_registers_somebody_who_then_signs_in_over_http(service: Service, operator: Psql) -> None:
    model, bob = member(service), Person(service, "bob")
    known_hash = one(service, "select password_hash from app.users where id = %s", model.id)
    register = (
        f"select to_json(register(email => '{bob.email}', username => '{bob.username}',"
        f" password_hash => '{known_hash}', gdpr_consent => true))"
    )
    bob.id = operator.json(register)["id"]
    assert bob.login(password=PASSWORD).status_code == 200
    assert "UM409" in operator.fails(register)
    rows = audit_rows(service, bob.id)
    assert "account.registered" in {action for action, *_ in rows}


def test_functions_about_me_need_to_be_told_who_that_is(service: Service, operator: Psql) -> None:
    ann = member(service)
    assert "UM401" in operator.fails("select get_me()")
    assert "UM404" in operator.fails("select act_as('nobody@example.com')")
    me = operator.json(f"select act_as('{ann.email}')", "select to_json(get_me())")
    assert me["id"] == ann.id
    assert "UM401" in operator.fails(f"select act_as('{ann.email}')", "select act_as(null)", "select get_me()")
    assert "operator.acted_as" in {action for action, *_ in audit_rows(service, ann.id)}


def test_an_operator_goes_a_persons_way_in_psql_with_both_names_in_the_log(service: Service, operator: Psql) -> None:
    ann = member(service)
    phone = ann.elsewhere()
    phone.login()
    act = f"select act_as('{ann.username}')"
    version = operator.json(act, "select to_json((get_me()).version)")
    changed = operator.json(
        act, f"select to_json(update_me(present => '{{first_name}}', first_name => 'Änn', if_match => '\"{version}\"'))"
    )
    assert (changed["first_name"], changed["version"] > version) == ("Änn", True)
    assert ann.get("/v1/me").json()["first_name"] == "Änn"
    stale = operator.fails(act, f"select update_me(present => '{{}}', if_match => '\"{version}\"')")
    assert "UM412" in stale
    sessions = operator.json(act, "select to_json(list_my_sessions())")["items"]
    assert ann.session["session_id"] in {s["id"] for s in sessions}
    assert operator.run(act, f"select revoke_my_session('{phone.session['session_id']}')").returncode == 0
    assert problem(phone.get("/v1/me")) == (401, "session_expired")
    assert operator.run(act, f"select change_password('{HASH}')").returncode == 0
    assert problem(ann.get("/v1/me")) == (401, "session_expired"), "the other sessions end"
    assert problem(ann.login()) == (401, "invalid_credentials")
    assert operator.run(act, "select delete_me()").returncode == 0
    assert one(service, "select status from app.users where id = %s", ann.id) == "deleted"
    rows = audit_rows(service, ann.id)
    by_action = {action: actor for action, actor, *_ in rows}
    assert by_action["user_profiles.updated"] == by_action["password.changed"] == ann.id
    assert {"operator.acted_as", "users.updated", "sessions.updated"} <= by_action.keys()


def test_a_login_that_is_refused_in_psql_is_a_warning_and_is_kept(service: Service, operator: Psql) -> None:
    ann = member(service)
    done = operator.run(f"select login('{ann.email}', '{HASH}') is null")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "t"
    assert "WARNING" in done.stderr and "invalid_credentials" in done.stderr
    assert one(service, "select failed_login_attempts from app.users where id = %s", ann.id) == 1
    assert [action for action, *_ in audit_rows(service, ann.id)] == [
        "login.failed",
        "login_sources.inserted",
        "users.updated",
    ]


def test_an_operator_reads_no_secret_and_cannot_change_the_log(operator: Psql) -> None:
    for command in (
        "select password_hash from app.users",
        "select token_hash from app.refresh_tokens",
        "select secret_hash from app.sessions",
        "select cursor_key from private.secrets",
        "update private.clock set shift = '1 day'",
        "delete from audit.audit_logs",
        "update audit.audit_logs set action = 'x.y'",
        "truncate audit.audit_logs",
        "delete from app.users",
        "set role roster_owner",
    ):
        assert "42501" in operator.fails(command), command


def test_the_manual_s_commands_need_no_schema_names(service: Service, operator: Psql) -> None:
    tables = operator.run(r"\dt").stdout
    for name in ("users", "user_profiles", "roles", "user_roles", "refresh_tokens", "password_reset_tokens"):
        assert f"app|{name}|table" in tables
    assert "sessions" in operator.json("SELECT cleanup_expired_data();")
    ann = member(service)
    query = (
        "SELECT id, password_hash, status, failed_login_attempts, locked_until FROM users"
        " WHERE email = :'email' AND deleted_at IS NULL AND status IN ('active', 'inactive') LIMIT 1"
    ).replace(":'email'", f"'{ann.email}'")
    owner = replace(operator, login=str(conninfo_to_dict(service.database.info.dsn)["user"]))
    row = owner.run("set role roster_owner", query).stdout.strip().split("|")
    assert row[0] == ann.id and row[1].startswith("$argon2id$") and row[2:] == ["inactive", "0", ""]
    assert "42501" in operator.fails(query), "an operator sees no hash"


def test_somebody_without_the_role_can_do_nothing(service: Service, logins: dict[str, Psql]) -> None:
    ann, stranger = member(service), logins[STRANGER]
    for command in (
        f"select api.suspend_user('{ann.id}')",
        "select api.list_users()",
        f"select admin.act_as('{ann.email}')",
        "select http.enter('api.get_me()', '{}')",
        "select * from app.users",
        "select * from audit.audit_logs",
    ):
        assert "42501" in stranger.fails(command), command
    assert ann.get("/v1/me").status_code == 200
