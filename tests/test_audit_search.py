"""Reading a log that has grown: each filter goes through its own index and stops when the page is full."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import TestDatabase

ROWS = 60_000
FILL = """
insert into audit.audit_logs (occurred_at, action, user_id, actor_user_id, database_role, request_id)
select now() + n * interval '2 minutes', (array['login.succeeded', 'login.failed', 'session.logged_out'])[1 + n %% 3],
       md5((n %% 200)::text)::uuid, md5((n %% 150)::text)::uuid, 'test', 'request-' || n / 3
from generate_series(1, %s) n
"""
FILTERS = [
    "",
    "user_id => md5('7')::uuid",
    "actor_user_id => md5('7')::uuid",
    "action => 'login.failed'",
    "action => 'email.changed'",
    "request_id => 'request-77'",
    "user_id => md5('7')::uuid, action => 'login.failed'",
    '"from" => (current_date + 40)::timestamptz, "to" => (current_date + 41)::timestamptz',
    "user_id => md5('7')::uuid, \"from\" => (current_date + 40)::timestamptz",
]
FEW = 400
"""Rows that may be touched for a page of twenty: what else an index leads to, in a log of sixty thousand."""


@pytest.fixture(scope="module")
def plans(module_database: TestDatabase) -> Iterator["Plans"]:
    """A log of half a year, and an auditor's connection that tells how its statements were carried out."""
    module_database.admin.execute(FILL, [ROWS])
    module_database.admin.execute("analyze audit.audit_logs")
    with psycopg.connect(module_database.admin_dsn, autocommit=True) as connection:
        yield Plans(connection)


class Plans:
    """Runs statements as an auditor and keeps the plans of those that read the log."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.found: list[dict[str, Any]] = []
        secret = "an auditor"
        connection.execute("select private.create_account('a@example.org', 'aud', null, null, null, null, 'en')")
        connection.execute("update app.users set status = 'active', is_email_verified = true")
        connection.execute(
            "insert into app.user_roles (user_id, role_id)"
            " select u.id, r.id from app.users u, app.roles r where r.name = 'auditor'"
        )
        connection.execute("select private.open_session(u.id, %s, '1 day') from app.users u", [secret])
        connection.execute("load 'auto_explain'")
        for setting in (
            "auto_explain.log_min_duration = 0", "auto_explain.log_nested_statements = on",
            "auto_explain.log_analyze = on", "auto_explain.log_timing = off",
            "auto_explain.log_format = json", "client_min_messages = log",
            f"request.session = '{secret}'",
        ):  # fmt: skip
            connection.execute(f"set {setting}".encode())
        connection.add_notice_handler(self._keep)

    def _keep(self, notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "audit.audit_logs l" in text and "plan:" in text:
            self.found.append(json.loads(text.split("plan:", 1)[1])["Plan"])

    def of(self, arguments: str) -> dict[str, Any]:
        """The plan of the one statement that reads the log for these arguments."""
        self.found.clear()
        self.connection.execute("set role roster_user")
        self.one(f"select api.list_audit_logs({arguments})")
        self.connection.execute("reset role")
        assert len(self.found) == 1
        return self.found[0]

    def one(self, query: str) -> Any:
        """The only row."""
        return self.connection.execute(query.encode()).fetchone()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that were carried out."""
    if plan["Actual Loops"]:
        yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def touched(plan: dict[str, Any]) -> int:
    """Rows that were read, whether or not they were wanted."""
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"] and "Bitmap Heap" not in node["Node Type"]]
    return sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans)


@pytest.mark.parametrize("arguments", FILTERS)
def test_a_page_touches_hardly_more_than_itself(plans: Plans, arguments: str) -> None:
    """BR-232: an index serves each filter and the order; nothing is sorted but the rows of one request."""
    plan = plans.of(arguments)
    assert touched(plan) < FEW, json.dumps(plan)
    assert all(node["Actual Rows"] <= 3 for node in nodes(plan) if "Sort" in node["Node Type"]), json.dumps(plan)


@pytest.mark.parametrize("arguments", FILTERS)
def test_a_later_page_costs_what_the_first_did(plans: Plans, arguments: str) -> None:
    """BR-232: a cursor is a place in the index."""
    given = f"{arguments}, " if arguments else ""
    (cursor,) = plans.one(f'select (api.list_audit_logs({given}"limit" => 2)).next_cursor')
    if cursor is not None:
        plan = plans.of(f"{given}cursor => '{cursor}'")
        assert touched(plan) < FEW, json.dumps(plan)


def test_an_accounts_history_reads_that_accounts_rows(plans: Plans) -> None:
    """BR-234: whatever else the log holds, and also when the plan is kept."""
    for _ in range(7):
        plans.found.clear()
        plans.one("select count(private.user_as_of(id, now())) from app.users where username = 'aud'")
        assert len(plans.found) == 6
        assert sum(map(touched, plans.found)) < FEW, json.dumps(plans.found)
