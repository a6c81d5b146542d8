"""A random walk through everything that changes a table, with every kind of failure on the way.

Each step is one transaction of a connection of its own: operations as the roles that may do them, changes by the owner
of the tables, committed or undone: rolled back, to a savepoint, by an error, by a cancel, by the end of the backend.
A shadow trigger of the test's notes each change of a row beside the audit trigger, by no code of the product's.
"""

import json
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from tests.audit_changes import Change, changes_of
from tests.audit_operations import OPERATIONS
from tests.audit_replay import ACCOUNT, NOTE, SHADOW, watched
from tests.databases import TestDatabase
from tests.waiting import until

MODES = {"commit": 30, "rollback": 4, "savepoint": 5, "raises": 4, "survives": 4, "cancel": 3, "kill": 2, "vanish": 2}
"""How a step ends, and how often."""
ORIGIN = ("192.0.2.77", "walk/1.0", "api.walk()", "walk")
"""Address, user agent, route and application_name of everything that the walk does in a request."""


@dataclass
class Walk:
    """Where the walk stands: what it may use next, and what it has noted on the way."""

    database: TestDatabase
    random: Random
    secrets: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    snapshots: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.admin.execute(SHADOW)
        self.tables = [table.name for table in watched(self.admin)]
        for table in self.tables:
            self.admin.execute(NOTE.format(sql.Identifier(*table.split("."))))
        self.changes = {table: changes_of(self.admin, table) for table in self.tables}
        self.admin.execute("select pg_advisory_lock(1)")
        ((self.start,),) = self.rows("select max(id) from audit.audit_logs")
        self.connect()

    @property
    def admin(self) -> psycopg.Connection[Any]:
        """The superuser, who looks on."""
        return self.database.admin

    def connect(self) -> None:
        """The connection that the next steps are made on."""
        self.connection = psycopg.connect(self.database.admin_dsn, autocommit=True, application_name=ORIGIN[3])

    def close(self) -> None:
        """End it."""
        self.connection.close()
        self.pool.shutdown()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query of the onlooker's."""
        return self.admin.execute(query.encode(), values).fetchall()

    def pick(self, query: str, *values: Any) -> Any:
        """The first column of one of the rows, None if there is none."""
        found = self.rows(query, *values)
        return self.random.choice(found)[0] if found else None

    def name(self, prefix: str = "w") -> str:
        """A name that nobody has."""
        return f"{prefix}{self.random.getrandbits(48):x}"

    def change(self) -> Change | None:
        """What comes next: an operation of the product, or a change by the owner of a table."""
        if self.random.random() < 0.3:
            return self.random.choice(self.changes[self.random.choice(self.tables)])(self)
        return self.random.choice(OPERATIONS)(self)

    def step(self) -> None:
        """One transaction."""
        change = self.change()
        if change is None:
            return
        (mode,) = self.random.choices(list(MODES), list(MODES.values()))
        try:
            xid = self.begin(change)
            is_committed = getattr(self, f"_{mode}")(change)
        except psycopg.Error:
            is_committed = False
        if not self.connection.closed:
            self.connection.execute("rollback")
        else:
            self.connect()
        self.modes[mode] += 1
        if is_committed and mode == "commit":
            self.done[change.name] += 1
            self.check_origin(change)
            self.snapshot()
        if not is_committed:
            left = self.rows("select action from audit.audit_logs where transaction_id::text = %s", xid)
            assert left == [], f"{change.name} was undone ({mode}) and left {left}"

    def begin(self, change: Change) -> str:
        """Begin a transaction and become whoever makes the change."""
        self.connection.execute("begin")
        self.become(change)
        row = self.connection.execute("select pg_current_xact_id()::text").fetchone()
        assert row
        return str(row[0])

    def become(self, change: Change) -> None:
        """The role, the session and the request of a change."""
        self.requests += 1
        change.request_id = f"walk-{self.requests}"
        context = dict(zip(("address", "user_agent", "route"), ORIGIN, strict=False)) | {
            "request_id": change.request_id
        }
        self.connection.execute("set local role none")
        for setting, value in (
            ("request.context", json.dumps(context)),
            ("request.session", change.session or ""),
            ("response.claims", ""),
        ):
            self.connection.execute("select set_config(%s, %s, true)", [setting, value])
        self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(change.role)))

    def run(self, change: Change) -> None:
        """Make the change; what it handed out is used from now on, also if it is undone: then it is no good."""
        cursor = self.connection.execute(change.statement.encode())
        row = cursor.fetchone() if cursor.description else None
        if change.hands_out and row and row[0]:
            claims = self.connection.execute("select current_setting('response.claims', true)").fetchone()
            assert claims
            self.tokens.append(row[0])
            self.secrets.append(json.loads(claims[0])["sid"])

    def _commit(self, change: Change) -> bool:
        self.run(change)
        self.connection.execute("commit")
        return True

    def _rollback(self, change: Change) -> bool:
        self.run(change)
        return False

    def _savepoint(self, change: Change) -> bool:
        self.run(change)
        self.connection.execute("savepoint half")
        undone = self.change() or change
        with suppress(psycopg.Error):
            self.become(undone)
            self.run(undone)
        self.connection.execute("rollback to half")
        last = self.change() or change
        self.become(last)
        self.run(last)
        self.connection.execute("commit")
        left = self.rows("select action from audit.audit_logs where request_id = %s", undone.request_id)
        assert left == [] or undone in (change, last), f"{undone.name} was undone and left {left}"
        return True

    def _raises(self, change: Change) -> bool:
        self.wrapped("raises", change)
        return False

    def _survives(self, change: Change) -> bool:
        self.wrapped("survives", change)
        self.connection.execute("commit")
        return False

    def _vanish(self, change: Change) -> bool:
        self.run(change)
        self.end("terminate")
        return False

    def _cancel(self, change: Change) -> bool:
        self.interrupt("cancel", change)
        return False

    def _kill(self, change: Change) -> bool:
        self.interrupt("terminate", change)
        return False

    def wrapped(self, function: str, change: Change) -> None:
        """Make the change inside a function that does something with it."""
        self.connection.execute(f"select public.{function}(%s)".encode(), [change.statement])

    def interrupt(self, how: str, change: Change) -> None:
        """End the statement or the backend when the change has been made and the statement is still going on."""
        pid = self.connection.info.backend_pid
        running: Future[None] = self.pool.submit(self.wrapped, "waits", change)
        waiting = "select from pg_locks where pid = %s and locktype = 'advisory' and not granted"
        until(lambda: running.done() or self.rows(waiting, pid), 60, "the statement waits")
        if not running.done():
            self.end(how)
        running.result(60)

    def end(self, how: str) -> None:
        """Cancel the running statement, or end the backend and see it gone."""
        pid = self.connection.info.backend_pid
        self.admin.execute(f"select pg_{how}_backend(%s)".encode(), [pid])
        if how == "terminate":
            until(lambda: not self.rows("select from pg_stat_activity where pid = %s", pid), 60, "the backend is gone")
            self.connection.close()

    def changed(self) -> set[str]:
        """The tables that something has happened to and stayed."""
        return {row[0] for row in self.rows("select distinct relation from public.shadow")}

    def check_origin(self, change: Change) -> None:
        """Everything that a request left names the request, and the session that it came with."""
        rows = self.rows(
            """select host(client_address), user_agent, route, application_name, database_role, actor_session_id
               from audit.audit_logs where request_id = %s""",
            change.request_id,
        )
        login = self.connection.info.user
        assert not change.keeps_origin or {row[:5] for row in rows} <= {(*ORIGIN, login)}, change.name
        if change.session is not None:
            sessions = self.rows("select id from app.sessions where secret_hash = private.digest(%s)", change.session)
            assert {row[5:] for row in rows} <= set(sessions or [(None,)]), change.name

    def snapshot(self) -> None:
        """Note how somebody's account is now."""
        found = self.rows(ACCOUNT)
        if found and self.random.random() < 0.4:
            user_id, at, account = self.random.choice(found)
            self.snapshots.append((user_id, at, account))
