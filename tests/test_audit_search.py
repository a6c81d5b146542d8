"""Reading a log that has grown: each filter goes through its own index and stops when the page is full."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import TestDatabase
from tests.plans import Plans, nodes, touched

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
def plans(module_database: TestDatabase) -> Iterator[Plans]:
    """A log of half a year, and an auditor's connection that tells how its statements were carried out."""
    module_database.admin.execute(FILL, [ROWS])
    module_database.admin.execute("analyze audit.audit_logs")
    with psycopg.connect(module_database.admin_dsn, autocommit=True) as connection:
        yield Plans(connection, "auditor")


def of_log(plans: Plans, query: str, role: str | None = "roster_user") -> list[dict[str, Any]]:
    """The plans of the statements that read the log for a query."""
    return [plan for plan in plans.of(query, role) if "audit.audit_logs l" in plan["Query Text"]]


@pytest.mark.parametrize("arguments", FILTERS)
def test_a_page_touches_hardly_more_than_itself(plans: Plans, arguments: str) -> None:
    """BR-232: an index serves each filter and the order; nothing is sorted but the rows of one request."""
    (plan,) = of_log(plans, f"select api.list_audit_logs({arguments})")
    assert touched([plan]) < FEW, json.dumps(plan)
    sorts = [node for node in nodes(plan["Plan"]) if "Sort" in node["Node Type"]]
    assert all(node["Actual Rows"] <= 3 for node in sorts), json.dumps(plan)


@pytest.mark.parametrize("arguments", FILTERS)
def test_a_later_page_costs_what_the_first_did(plans: Plans, arguments: str) -> None:
    """BR-232: a cursor is a place in the index."""
    given = f"{arguments}, " if arguments else ""
    query = f'select (api.list_audit_logs({given}"limit" => 2)).next_cursor'
    first = plans.connection.execute(query.encode()).fetchone()
    assert first
    if first[0] is not None:
        found = of_log(plans, f"select api.list_audit_logs({given}cursor => '{first[0]}')")
        assert touched(found) < FEW, json.dumps(found)


def test_an_accounts_history_reads_that_accounts_rows(plans: Plans) -> None:
    """BR-234: whatever else the log holds, and also when the plan is kept."""
    query = "select count(private.user_as_of(id, now())) from app.users where username = 'plans'"
    for _ in range(7):
        found = of_log(plans, query, None)
        assert len(found) == 6
        assert touched(found) < FEW, json.dumps(found)
