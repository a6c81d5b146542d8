"""What one request costs: in the database as one statement or as five, and over HTTP against a bare Litestar route.

`make bench` runs it on a throw-away server with thousands of people, in interleaved rounds, so that what else goes on
on the machine hits all variants alike. `ARGS=--json` prints JSON.
"""

import argparse
import base64
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import uvicorn
from litestar import Litestar, get

from api import ROOT, app, bulk, logs
from api.catalog import read_now
from api.embedded import Server, locate, throwaway
from api.migrate import migrate
from api.operations import compose
from api.passwords import Hasher
from api.protocol import Protocol
from api.settings import load
from api.statements import compose as compose_statements
from bench.load import KINDS, sign_in

CONNECTIONS = (1, 8)
STRANGERS = 20_000
HASH = "$2b$12$" + "a" * 53
MAKE_PEOPLE: LiteralString = """
    select private.create_account(w || n || '@example.com', w || n, %s, null, null, null, 'en')
    from unnest(array['user', 'staff']) w, generate_series(1, %s) n"""
ACTIVATE: LiteralString = (
    "update app.users set is_email_verified = true, status = 'active' where email ~ 'example.com$'"
)
EMPLOY: LiteralString = """
    insert into app.user_roles (user_id, role_id)
    select u.id, r.id from app.users u, app.roles r where u.username ~ '^staff[0-9]+$' and r.name = 'support'"""
# As many as there are people, or plans are made for next to none and kept until the tables are analyzed again.
SIGNED_IN: LiteralString = """
    with signed_in as (
      insert into app.sessions (user_id, secret_hash, expires_at)
      select u.id, sha256(uuid_send(u.id)), now() + interval '30 days' from app.users u
      returning id, user_id, secret_hash, expires_at)
    insert into app.refresh_tokens (session_id, user_id, token_hash, sealed_secret, expires_at)
    select s.id, s.user_id, sha256(s.secret_hash), s.secret_hash, s.expires_at from signed_in s"""
SELF = (sys.executable, "-m", "bench.one_request")
OPERATION = "api.get_me()"
# Requests of one address wait for each other, so each connection of pgbench gets one of its own.
CONTEXT = "(:context::jsonb || jsonb_build_object('address', '192.0.2.' || :client_id))"
FIVE = ("begin", "select {enter}", "set local role roster_user", "select row_to_json({call})::text{rest}", "commit")


@get("/bare")
async def bare() -> dict[str, str]:
    """What the framework costs without anything of ours."""
    return {}


class Unhashed(Hasher):
    """Takes every password for the right one at once: a login without the 25 ms of Argon2id."""

    async def verify(self, password: str, stored: str | None) -> str | None:
        """The stored hash."""
        return stored

    async def upgrade(self, password: str, stored: str | None) -> str | None:
        """No other."""
        return None


class Both(app.Application):
    """The service, and beside it a route of Litestar alone, so that one process serves both."""

    other = Litestar([bare], openapi_config=None, logging_config=None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope.get("path") == "/bare":
            await self.other(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def both() -> Both:
    """What uvicorn serves."""
    app.Hasher = Unhashed  # type: ignore[attr-defined]
    settings = load()
    return Both(settings, locate(settings).api_dsn)


@contextmanager
def served(server: Server, home: Path) -> Iterator[tuple[int, int]]:
    """One uvicorn process with both applications; gives its port and its id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        "DATABASE_URL": server.admin_dsn, "PGROSTER_AUTHENTICATOR_PASSWORD": "not asked for over the socket",
        "PGROSTER_VAR": str(home), "PGROSTER_PORT": str(port), "PGROSTER_TRUSTED_PROXIES": "127.0.0.1/32",
    }  # fmt: skip
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*SELF, "--serve"], cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), trust_env=False) as client:
            client.get(f"http://127.0.0.1:{port}/health/ready").raise_for_status()
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def scripts(admin: psycopg.Connection[Any], directory: Path) -> dict[str, Path]:
    """The statement that the service sends, and the same work as five statements, for pgbench."""
    operation = next(o for o in compose(read_now(admin), ()).operations if o.function == OPERATION)
    one = compose_statements(operation).call.query.decode().replace("$1::text::jsonb", CONTEXT)
    enter = re.search(r'"http"\."enter"\(.*\)(?= as role)', one)
    rest = re.search(r"\n     , nullif.*claims\n|, nullif.*claims\n", one, re.DOTALL)
    assert enter and rest
    five = [part.format(enter=enter[0], call=OPERATION, rest=rest[0]) for part in FIVE]
    found = {"one statement": [one], "five statements": five}
    for name, statements in found.items():
        (directory / name).write_text("".join(f"{statement};\n" for statement in statements))
    return {name: directory / name for name in found}


def of_database(server: Server, script: Path, secret: str, connections: int, seconds: float) -> float:
    """Transactions per second by pgbench, everything prepared."""
    assert server.cluster
    context = json.dumps({"session": secret, "request_id": "bench", "user_agent": "pgbench"})
    address = {"PGHOST": str(server.cluster.sockets), "PGUSER": "roster_authenticator", "PGDATABASE": "user_management"}
    options = {
        "protocol": "prepared", "client": connections, "jobs": min(2, connections), "time": max(1, round(seconds)),
        "define": f"context={context}", "file": script,
    }  # fmt: skip
    command = [str(server.bin_dir / "pgbench"), "--no-vacuum", *(f"--{key}={value}" for key, value in options.items())]
    done = subprocess.run(command, env=os.environ | address, check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None or "failed transactions: 0 " not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return float(found[1])


def of_service(*load: object) -> dict[str, float]:
    """What a client process tells."""
    command = [sys.executable, "-m", "bench.load", *map(str, load)]
    told: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return told


def settle(admin: psycopg.Connection[Any], dsn: str, connections: int) -> None:
    """Fill the database with people, and let no limit get into the way."""
    bulk.seed(dsn, STRANGERS, "bench", None, True, lambda more: None)
    admin.execute(MAKE_PEOPLE, [HASH, connections])
    admin.execute(ACTIVATE)
    admin.execute(EMPLOY)
    with admin.transaction():
        admin.execute("set local session_replication_role = replica")  # past the log
        admin.execute(SIGNED_IN)
    admin.execute("update app.rate_limit_policies set quota = 10000000")
    admin.execute("vacuum analyze")


def measure(rounds: int, seconds: float, http_connections: int) -> dict[str, Any]:
    """The median of each variant over the rounds, in calls per second."""
    figures: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    with throwaway() as server, tempfile.TemporaryDirectory() as home:
        migrate(server.admin_dsn)
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            settle(admin, server.admin_dsn, http_connections)
            version = str(admin.info.parameter_status("server_version")).split()[0]
            files = scripts(admin, Path(home))
        assert server.cluster
        postmaster = int((server.cluster.data / "postmaster.pid").read_text().split()[0])
        with served(server, Path(home)) as (port, service):
            claims = sign_in(port, "user1", "192.0.2.0")["access_token"].split(".")[1]
            secret = str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"])
            for kind in KINDS:
                of_service(port, service, postmaster, kind, http_connections, seconds)  # every plan is made
            for _ in range(rounds):
                for n in CONNECTIONS:
                    for name, file in files.items():
                        tps = of_database(server, file, secret, n, seconds)
                        figures.setdefault(("database", name, n), []).append({"per_second": tps})
                for kind in KINDS:
                    told = of_service(port, service, postmaster, kind, http_connections, seconds)
                    figures.setdefault(("HTTP", kind, http_connections), []).append(told)
    rows = [
        {"where": where, "what": what, "connections": n}
        | {name: round(statistics.median(each[name] for each in told)) for name in told[0]}
        for (where, what, n), told in figures.items()
    ]
    return {"machine": machine(version), "rounds": rounds, "seconds": seconds, "figures": rows}


def machine(postgresql: str) -> str:
    """What was measured on: no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} cores / {memory:.0f} GiB RAM / PostgreSQL {postgresql} / Python {python}"


def show(result: dict[str, Any]) -> None:
    """Print the figures, each beside its ratio to the first of its group."""
    print(f"{result['machine']}\nMedian of {result['rounds']} interleaved rounds of {result['seconds']:g} s.\n")
    print(f"| {'where':8} | {'what':22} | connections | per second | ratio | service us | database us |")
    print(f"|{'-' * 10}|{'-' * 24}|{'-' * 12}:|{'-' * 11}:|{'-' * 6}:|{'-' * 11}:|{'-' * 12}:|")
    base: dict[tuple[str, int], float] = {}
    for row in sorted(result["figures"], key=lambda row: (row["where"] != "database", row["connections"])):
        first = base.setdefault((row["where"], row["connections"]), row["per_second"])
        cpu = [row.get(name, "") for name in ("service_us", "database_us")]
        print(f"| {row['where']:8} | {row['what']:22} | {row['connections']:11} | {row['per_second']:10} "
              f"| {row['per_second'] / first:5.2f} | {cpu[0]:10} | {cpu[1]:11} |")  # fmt: skip
    print("\nServer, database and clients share the machine: trust ratios and CPU time (us an answer) more than rates.")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="length of each measurement")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections over HTTP")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvicorn.run(
            "bench.one_request:both", factory=True, port=int(os.environ["PGROSTER_PORT"]), loop="uvloop",
            http=Protocol, ws="none", lifespan="on", access_log=False, server_header=False, proxy_headers=False,
            log_config=logs.configuration(load()),
        )  # fmt: skip
    else:
        result = measure(options.rounds, options.seconds, options.connections)
        print(json.dumps(result, indent=2)) if options.json else show(result)


if __name__ == "__main__":
    main()
