"""How long what a database with many people is asked for takes, against the targets of the original design.

`make bench-queries` seeds a million people on a throw-away server (ARGS="--users 100000" for fewer, ARGS=--json for a
program). Requests run as the statements that the service sends, over its own login, each with everything that it does:
limits, session, rights, the log, commit. What a person at psql or a report asks runs under that person's role. Beside
the time on the clock stands what the server's process computed, which other work does not lengthen (Linux).
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from rich.console import Console
from rich.progress import track

from api import bulk
from api.catalog import read_now
from api.embedded import throwaway
from api.migrate import migrate
from api.operations import compose
from api.statements import Statement, Statements
from api.statements import compose as compose_statements
from bench.audit import CONFIGURATION, fill
from bench.audit_operations import HASH
from bench.one_request import machine

SECRET = "the session of whoever measures"
TOKENS = "token of session "
CONTEXT = {"address": "192.0.2.7", "user_agent": "bench", "request_id": "bench"}
PEOPLE: LiteralString = """
    select u.id::text, u.email, u.username, p.first_name, p.last_name
    from app.users u tablesample system (5) join app.user_profiles p on p.user_id = u.id
    where u.status = 'active' and u.last_login_at is not null
    limit 20000"""
REFRESHABLE: LiteralString = """
    select s.id::text from app.sessions s join app.users u on u.id = s.user_id and u.status = 'active'
    where s.expires_at > now() + interval '1 day' order by s.secret_hash limit %s"""
ORIGINAL: LiteralString = """
    SELECT id, password_hash, status, failed_login_attempts, locked_until FROM users
    WHERE email = %s AND deleted_at IS NULL AND status IN ('active', 'inactive') LIMIT 1"""
MIDDLE: LiteralString = """
    select private.make_cursor(%s, (
      select jsonb_build_array(u.{}, u.id) from app.users u where u.last_login_at is not null
      order by u.id offset (select count(*) / 2 from app.users) limit 1))"""
BY_ADDRESS: LiteralString = "select * from reporting.v_users_complete where email = %s"
NEWEST: LiteralString = "select * from reporting.v_users_complete order by created_at desc limit 100"
BY_STATUS: LiteralString = "select status, count(*) from reporting.v_users_complete group by status"
REFRESH: LiteralString = "select admin.refresh_reporting()"
CLEAN: LiteralString = "select admin.clean_expired_tokens()"
ANONYMIZE: LiteralString = "select admin.anonymize_expired_users(50)"
HOUR: LiteralString = "select count(*) from reporting.v_audit_events where occurred_at > now() - interval '1 hour'"

Person = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Query:
    """Something to measure. `run` is told which person it is about; `target`: milliseconds in 95 of 100 cases."""

    what: str
    target: float | None
    run: Callable[[Person], object]
    times: int | None = None


class Service:
    """Sends the statements of routes over the service's login, as the service does."""

    def __init__(self, connection: psycopg.Connection[Any], routes: dict[str, Statements]) -> None:
        self.connection, self.routes = connection, routes
        self._prepared: set[bytes] = set()

    def send(self, statement: Statement, arguments: dict[str, str | None], **context: str) -> str | None:
        """The body of the answer; raises SystemExit for a refusal."""
        if statement.name not in self._prepared:
            self.connection.pgconn.prepare(statement.name, statement.query)
            self._prepared.add(statement.name)
        values = [json.dumps(CONTEXT | context), *[arguments.get(name) for name in statement.names]]
        encoded: list[Any] = [None if value is None else value.encode() for value in values]
        result = self.connection.pgconn.exec_prepared(statement.name, encoded)
        if result.error_message or result.get_value(0, 2) is not None:
            raise SystemExit(f"refused: {result.error_message or result.get_value(0, 2)!r} {arguments}")
        body = result.get_value(0, 0)
        return None if body is None else body.decode()

    def call(self, route: str, **arguments: str | None) -> str | None:
        """Call a route as whoever measures."""
        return self.send(self.routes[route].call, arguments, session=SECRET)


def queries(service: Service, admin: psycopg.Connection[Any], tokens: Iterator[str]) -> list[Query]:
    """All that is measured."""
    call, routes = service.call, service.routes

    def as_role(role: str, query: LiteralString, *values: str) -> object:
        with admin.transaction():
            admin.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            return admin.execute(query, values).fetchall()

    def listing(target: float, **arguments: str) -> Query:
        shown = " ".join(f"{name}={value.split('T')[0]}" for name, value in arguments.items())
        return Query(f"GET /v1/users?{shown}", target, lambda _: call("list_users", **arguments))

    def deep(sort: str) -> Query:
        cursor = cursor_into(admin, sort)
        return Query(f"the same by {sort}, far in", 15, lambda _: call("list_users", sort=sort, cursor=cursor))

    def search(what: str, word: Callable[[Person], str], **arguments: str) -> Query:
        return Query(f"q={what}", 50, lambda person: call("list_users", q=word(person), **arguments))

    return [
        Query("the original's login query", 10, lambda p: as_role("roster_owner", ORIGINAL, p[1])),
        Query("signing in, the hash to verify", 10, lambda p: service.send(
            routes["login"].prepare or routes["login"].call, {"identifier": p[1]}, stage="prepare")),
        Query("signing in, the session", 20, lambda p: service.send(
            routes["login"].call, {"identifier": p[2], "verified_hash": HASH}, stage="call")),
        Query("refreshing", 20, lambda _: service.send(routes["refresh"].call, {"refresh_token": next(tokens)})),
        Query("is the token good?", 5, lambda _: service.send(routes["get_me"].door, {}, session=SECRET)),
        Query("GET /v1/me", 5, lambda _: call("get_me")),
        Query("GET /v1/users/{id}", 5, lambda p: call("get_user", id=p[0])),
        *(listing(15, sort=sort) for sort in ("-created_at", "created_at", "email", "username", "last_login_at")),
        *map(deep, ("-created_at", "email", "last_login_at")),
        listing(15, count="estimated"), listing(15, status="suspended"), listing(15, status="deleted", sort="email"),
        listing(15, role="user"), listing(15, role="admin"), listing(15, role="none"), listing(50, role="support"),
        listing(50, created_after=f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT%H:%MZ}", sort="username"),
        search("an address", lambda p: p[1]),
        search("a family name", lambda p: p[4]),
        search("two names", lambda p: f"{p[3]} {p[4]}"),
        search("two letters", lambda p: p[2][:2]),
        search("two letters, by address", lambda p: p[2][:2], sort="email"),
        search("nobody", lambda _: "nobody.is.called.this"),
        search("two letters, role=support", lambda p: p[2][:2], role="support"),
        Query("GET /v1/users/{id}/sessions", 15, lambda p: call("list_user_sessions", id=p[0])),
        Query("GET /v1/audit-logs, one person's", 15, lambda p: call("list_audit_logs", user_id=p[0])),
        Query("GET /v1/audit-logs, one action", 15, lambda _: call("list_audit_logs", action="login.succeeded")),
        Query("GET /v1/stats", 15, lambda _: call("get_stats")),
        Query("export of a person", 200, lambda p: as_role("roster_dba", "select admin.export_user(%s)", p[0])),
        Query("report, one address", 15, lambda p: as_role("roster_reporting", BY_ADDRESS, p[1])),
        Query("report, the newest 100", 15, lambda _: as_role("roster_reporting", NEWEST), 20),
        Query("report, events of an hour", 200, lambda _: as_role("roster_reporting", HOUR), 20),
        Query("report, everybody by status", None, lambda _: as_role("roster_reporting", BY_STATUS), 5),
        Query("figures of the reports, anew", None, lambda _: as_role("roster_dba", REFRESH), 5),
        Query("cleaning up 1000 rows of sessions", None, lambda _: as_role("roster_dba", CLEAN), 5),
        Query("anonymising 50 people", None, lambda _: as_role("roster_dba", ANONYMIZE), 5),
    ]  # fmt: skip


def cursor_into(admin: psycopg.Connection[Any], sort: str) -> str:
    """The cursor of a place in the middle of a list."""
    column = {"-created_at": "created_at", "email": "email_key", "last_login_at": "last_login_at"}[sort]
    query = sql.SQL(MIDDLE).format(sql.Identifier(column))
    return str(admin.execute(query, [f"users {sort}"]).fetchall()[0][0])


def measure(users: int, rows: int, samples: int) -> dict[str, Any]:
    """Everything, on a server of its own."""
    with throwaway(CONFIGURATION) as server:
        migrate(server.admin_dsn)
        bulk.seed(server.admin_dsn, users, "1", HASH, False, lambda _: None)
        with (
            psycopg.connect(server.admin_dsn, autocommit=True) as admin,
            psycopg.connect(server.api_dsn, autocommit=True) as connection,
        ):
            admin.execute(Path(__file__).with_name("fill.sql").read_bytes())
            fill(admin, 0, rows)
            admin.execute(
                "select private.open_session(u.id, %s, '1 day') from app.users u where u.username = 'bench'", [SECRET]
            )
            for table in ("app.users", "app.user_profiles", "app.sessions", "audit.audit_logs"):
                admin.execute(sql.SQL("vacuum analyze {}").format(sql.SQL(table)))
            people: list[Person] = admin.execute(PEOPLE).fetchall()
            tokens = (TOKENS + id for (id,) in admin.execute(REFRESHABLE, [2 * samples]).fetchall())
            routes = {o.name: compose_statements(o) for o in compose(read_now(admin), ()).operations}
            asked = queries(Service(connection, routes), admin, tokens)
            chance = random.Random(1)  # noqa: S311 - nothing secret is made of it
            progress = track(asked, "measuring", console=Console(stderr=True))
            backends = [admin.info.backend_pid, connection.info.backend_pid]
            figures = [timed(query, chance.choices(people, k=query.times or samples), backends) for query in progress]
            version = str(admin.info.parameter_status("server_version")).split()[0]
    return {"machine": machine(version), "users": users, "rows": rows, "samples": samples, "figures": figures}


def computed(backends: list[int]) -> float:
    """Seconds for which processes have had a CPU; 0 where the system does not tell."""
    files = [Path(f"/proc/{pid}/schedstat") for pid in backends]
    return sum(int(file.read_text().split()[0]) for file in files if file.exists()) / 1e9


def timed(query: Query, people: list[Person], backends: list[int]) -> dict[str, Any]:
    """A row of the table. The first few, which load what is needed, do not count."""
    for person in people[:5]:
        query.run(person)
    figures: dict[str, Any] = {"what": query.what, "target": query.target}
    took: dict[str, list[float]] = {"": [], "_cpu": []}
    for person in people:
        before, started = computed(backends), time.perf_counter()
        query.run(person)
        took[""].append(time.perf_counter() - started)
        took["_cpu"].append(computed(backends) - before)
    for kind, seconds in took.items():
        for percent in (50, 95):
            at = statistics.quantiles(seconds, n=20, method="inclusive")[percent // 5 - 1]
            figures[f"p{percent}{kind}"] = round(1000 * at, 2)
    return figures


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{result['machine']}\n{result['users']:,} people, {result['rows']:,} rows of the log, "
          f"{result['samples']} runs each, milliseconds.\n")  # fmt: skip
    print(f"| {'what':52} |     p50 |     p95 | CPU p50 | CPU p95 | target |")
    print(f"|{'-' * 54}|--------:|--------:|--------:|--------:|-------:|")
    for row in result["figures"]:
        target = f"{row['target']:g}" if row["target"] else ""
        figures = " | ".join(f"{row[name]:7.2f}" for name in ("p50", "p95", "p50_cpu", "p95_cpu"))
        print(f"| {row['what']:52} | {figures} | {target:>6} |")
    print("\nTargets are for the 95th percentile.")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the audit log")
    parser.add_argument("--samples", type=int, default=200, help="how often each is run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options.users, options.rows, options.samples)
    print(json.dumps(result, indent=2)) if options.json else show(result)


if __name__ == "__main__":
    main()
