"""What one request costs: in the database as one statement or as five, and over HTTP against a bare Litestar route.

`make bench` runs it on a throw-away server, in interleaved rounds, so that what else goes on on the machine hits all
variants alike. Trust the ratios; absolute figures are of one machine at one moment. `ARGS=--json` prints JSON.
"""

import argparse
import asyncio
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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn
import uvloop
from litestar import Litestar, get

from api import ROOT, logs
from api.app import create_app
from api.catalog import read_now
from api.embedded import Server, throwaway
from api.migrate import migrate
from api.operations import compose
from api.settings import load
from api.statements import compose as compose_statements

CONNECTIONS = (1, 8)
PASSWORD = "a heron counts its own steps"
SELF = (sys.executable, "-m", "bench.one_request")
OPERATION = "api.get_me()"
# Requests of one address wait for each other, so each connection of pgbench gets one of its own, as clients have.
CONTEXT = "(:context::jsonb || jsonb_build_object('address', '192.0.2.' || :client_id))"
FIVE = ("begin", "select {enter}", "set local role roster_user", "select row_to_json({call})::text{rest}", "commit")
HTTP = (("bare Litestar route", "/bare", 1), ("GET /v1/me", "/v1/me", 1), ("the same, one address", "/v1/me", 0))


@get("/bare")
async def bare() -> dict[str, str]:
    """What the framework costs without anything of ours."""
    return {}


def both() -> Any:
    """The service and the bare route as one ASGI application, so that one process serves both."""
    service, other = create_app(), Litestar([bare], openapi_config=None, logging_config=None)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await (other if scope.get("path") == "/bare" else service)(scope, receive, send)

    return application


class Client(asyncio.Protocol):
    """Sends one request again and again over one connection, the next when the answer is complete."""

    def __init__(self, request: bytes) -> None:
        self.request, self.answer, self.done, self.transport = request, b"", 0, None

    def connection_made(self, transport: Any) -> None:
        """Start."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count an answer that is complete."""
        self.answer += data
        head, gap, body = self.answer.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        if not gap or length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not answered with 200: {self.answer!r}")
        self.answer, self.done = b"", self.done + 1
        self.transport.write(self.request)  # type: ignore[attr-defined]


async def send_load(port: int, path: str, token: str, connections: int, seconds: float, own_address: bool) -> float:
    """Requests per second over so many keep-alive connections; runs in a process of its own."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(connections):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        request += f"X-Forwarded-For: 192.0.2.{number % 250 if own_address else 0}\r\n\r\n"
        clients.append((await loop.create_connection(partial(Client, request.encode()), "127.0.0.1", port))[1])
    await asyncio.sleep(seconds / 4)
    before, begun = sum(client.done for client in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    return (sum(client.done for client in clients) - before) / (time.perf_counter() - begun)


@contextmanager
def served(server: Server, home: Path) -> Iterator[int]:
    """One uvicorn process with both applications; gives its port."""
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
        yield port
    finally:
        process.terminate()
        process.wait()


def sign_in(port: int) -> str:
    """An access token of a new account."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        person = {"email": "ann@example.com", "username": "ann", "password": PASSWORD, "gdpr_consent": True}
        client.post("/v1/auth/register", json=person).raise_for_status()
        answer = client.post("/v1/auth/login", json={"identifier": "ann", "password": PASSWORD}).raise_for_status()
        return str(answer.json()["access_token"])


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
    assert server.bin_dir and server.cluster
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


def of_service(*load: object) -> float:
    """Requests per second from a client process."""
    command = [*SELF, "--load", *map(str, load)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def measure(rounds: int, seconds: float, http_connections: int) -> dict[str, Any]:
    """The median of each variant over the rounds, in calls per second."""
    figures: dict[tuple[str, str, int], list[float]] = {}
    with throwaway() as server, tempfile.TemporaryDirectory() as home:
        migrate(server.admin_dsn)
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            admin.execute("update app.rate_limit_policies set quota = 10000000")
            version = str(admin.info.parameter_status("server_version")).split()[0]
            files = scripts(admin, Path(home))
        with served(server, Path(home)) as port:
            token = sign_in(port)
            claims = token.split(".")[1]
            secret = str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"])
            for _ in range(rounds):
                for n in CONNECTIONS:
                    for name, file in files.items():
                        tps = of_database(server, file, secret, n, seconds)
                        figures.setdefault(("database", name, n), []).append(tps)
                for name, path, own in HTTP:
                    rate = of_service(port, path, token, http_connections, seconds, own)
                    figures.setdefault(("HTTP", name, http_connections), []).append(rate)
    rows = [
        {"where": where, "what": what, "connections": n, "per_second": round(statistics.median(values)),
         "lowest": round(min(values)), "highest": round(max(values))}
        for (where, what, n), values in figures.items()
    ]  # fmt: skip
    return {"machine": machine(version), "rounds": rounds, "seconds": seconds, "figures": rows}


def machine(postgresql: str) -> str:
    """What was measured on: no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} cores / {memory:.0f} GiB RAM / PostgreSQL {postgresql} / Python {python}"


def show(result: dict[str, Any]) -> None:
    """Print the figures, each beside its ratio to the first of its group."""
    print(f"{result['machine']}\nMedian of {result['rounds']} interleaved rounds of {result['seconds']:g} s.\n")
    print(f"| {'where':8} | {'what':21} | connections | per second | ratio | {'lowest to highest':>17} |")
    print(f"|{'-' * 10}|{'-' * 23}|{'-' * 12}:|{'-' * 11}:|{'-' * 6}:|{'-' * 18}:|")
    base: dict[tuple[str, int], float] = {}
    for row in sorted(result["figures"], key=lambda row: (row["where"] != "database", row["connections"])):
        first = base.setdefault((row["where"], row["connections"]), row["per_second"])
        spread = f"{row['lowest']} to {row['highest']}"
        print(f"| {row['where']:8} | {row['what']:21} | {row['connections']:11} | {row['per_second']:10} "
              f"| {row['per_second'] / first:5.2f} | {spread:>17} |")  # fmt: skip
    print("\nServer, database and clients share the machine: the ratios tell more than the figures, which are noisy.")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="length of each measurement")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections over HTTP")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvicorn.run(
            "bench.one_request:both", factory=True, port=int(os.environ["PGROSTER_PORT"]), loop="uvloop",
            http="httptools", ws="none", lifespan="on", access_log=False, server_header=False, proxy_headers=False,
            log_config=logs.configuration(load()),
        )  # fmt: skip
    elif options.load:
        port, path, token, n, seconds, own = options.load
        print(uvloop.run(send_load(int(port), path, token, int(n), float(seconds), own == "1")))
    else:
        result = measure(options.rounds, options.seconds, options.connections)
        print(json.dumps(result, indent=2)) if options.json else show(result)


if __name__ == "__main__":
    main()
