"""How statements were carried out, those in functions included: what auto_explain says, and the rows that were read."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

SETTINGS = (
    "auto_explain.log_min_duration = 0", "auto_explain.log_nested_statements = on", "auto_explain.log_analyze = on",
    "auto_explain.log_timing = off", "auto_explain.log_format = json", "client_min_messages = log",
)  # fmt: skip
SECRET = "somebody signed in"
OPEN = """
select private.create_account('plans@example.org', 'plans', null, null, null, null, 'en', true);
insert into app.user_roles (user_id, role_id)
select u.id, r.id from app.users u, app.roles r where u.username = 'plans' and r.name = '{role}';
select private.open_session(u.id, '{secret}', '1 day') from app.users u where u.username = 'plans';
load 'auto_explain';
"""


class Plans:
    """Carries out queries as a request's role or an operator's, for somebody signed in with a role, and explains."""

    def __init__(self, connection: psycopg.Connection[Any], role: str) -> None:
        self.connection = connection
        self._found: list[dict[str, Any]] = []
        connection.execute(OPEN.format(role=role, secret=SECRET).encode())
        for setting in (*SETTINGS, f"request.session = '{SECRET}'"):
            connection.execute(f"set {setting}".encode())
        connection.add_notice_handler(self._keep)

    def _keep(self, notice: psycopg.errors.Diagnostic) -> None:
        _, gap, plan = (notice.message_primary or "").partition("plan:")
        if gap:
            self._found.append(json.loads(plan))

    def of(self, query: str, role: str | None = "roster_user") -> list[dict[str, Any]]:
        """The plans of all statements that a query led to, itself included; nothing of what they did stays."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role or "none")))
            self._found.clear()
            self.connection.execute(query.encode())
            return list(self._found)


def heaviest(plans: list[dict[str, Any]]) -> str:
    """The plan that read most, for whoever has to find out why."""
    return json.dumps(max(plans, key=lambda plan: touched([plan])))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that were carried out."""
    if plan.get("Actual Loops"):
        yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def touched(plans: list[dict[str, Any]]) -> int:
    """How many rows were read, whether or not they were wanted."""
    scans = [
        node for plan in plans for node in nodes(plan["Plan"])
        if "Scan" in node["Node Type"] and "Bitmap Heap" not in node["Node Type"]
    ]  # fmt: skip
    read: Iterator[float] = (
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans
    )
    return round(sum(read))
