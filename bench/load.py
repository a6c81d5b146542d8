"""A client process that keeps so many connections busy, and says as JSON how many answers a second it got and how much
CPU time each cost the service and the database: what does not depend on who else uses the machine as much as the rate.

Each connection is a person with an address of their own, or all share one: the count of an address is locked until its
request ends, so those wait for each other.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvloop

PASSWORD = "a heron counts its own steps"
LOGIN = b"roster_authenticator"  # a process of PostgreSQL tells whom it serves
Session = dict[str, Any]


def get(path: str, session: Session) -> bytes:
    """A request with an access token."""
    return f"GET {path} HTTP/1.1\r\nAuthorization: Bearer {session['access_token']}\r\n\r\n".encode()


def post(path: str, body: Session) -> bytes:
    """A request with a body and no token."""
    content = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}\r\n{content}".encode()


def refresh(session: Session) -> bytes:
    """Uses the newest refresh token up."""
    return post("/v1/auth/refresh", {"refresh_token": session["refresh_token"]})


def login(session: Session) -> bytes:
    """Signs in once more."""
    return post("/v1/auth/login", {"identifier": session["user"]["username"], "password": PASSWORD})


KINDS: dict[str, tuple[str, Callable[[Session], bytes]]] = {
    "bare Litestar route": ("user", partial(get, "/bare")),
    "GET /v1/me": ("user", partial(get, "/v1/me")),
    "the same, one address": ("user", partial(get, "/v1/me")),
    "GET /v1/users?limit=20": ("staff", partial(get, "/v1/users?limit=20")),
    "POST /v1/auth/refresh": ("user", refresh),
    "login, without hashing": ("user", login),
}
"""Who sends what."""


class Client(asyncio.Protocol):
    """Sends one request after the other over one connection, the next when the answer is complete."""

    def __init__(self, compose: Callable[[Session], bytes], session: Session, address: str) -> None:
        self.compose, self.address, self.answer, self.done = compose, address, b"", 0
        self.request = self.composed(session)
        self.transport: Any = None

    def composed(self, session: Session) -> bytes:
        """The request that belongs to a session."""
        line, _, rest = self.compose(session).partition(b"\r\n")
        return b"%s\r\nHost: x\r\nX-Forwarded-For: %s\r\n%s" % (line, self.address.encode(), rest)

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
        if b'"refresh_token"' in body:
            self.request = self.composed(json.loads(body))
        self.answer, self.done = b"", self.done + 1
        self.transport.write(self.request)


def sign_in(port: int, who: str, address: str) -> Session:
    """A new session."""
    body = {"identifier": who, "password": PASSWORD}
    url, headers = f"http://127.0.0.1:{port}/v1/auth/login", {"X-Forwarded-For": address}
    with httpx.Client(trust_env=False) as client:
        session: Session = client.post(url, json=body, headers=headers).raise_for_status().json()
        return session


def used(pid: int) -> float:
    """Microseconds of CPU that a process and those of its children that serve the service have had (proc(5))."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    family = [str(pid), *(each for each in children if LOGIN in Path(f"/proc/{each}/cmdline").read_bytes())]
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family]
    return sum(int(f[11]) + int(f[12]) for f in fields) * 1e6 / os.sysconf("SC_CLK_TCK")


async def send(port: int, pids: list[int], kind: str, connections: int, seconds: float) -> dict[str, float]:
    """What an answer costs, after a quarter of the time to warm up. `pids`: the service's and the database's."""
    loop = asyncio.get_running_loop()
    who, compose = KINDS[kind]
    clients = []
    for number in range(1, connections + 1):
        address = f"192.0.2.{0 if 'one address' in kind else number}"
        session = sign_in(port, f"{who}{number}", address)
        made = partial(Client, compose, session, address)
        clients.append((await loop.create_connection(made, "127.0.0.1", port))[1])
    await asyncio.sleep(seconds / 4)
    done, cpu, begun = sum(client.done for client in clients), [used(pid) for pid in pids], time.perf_counter()
    await asyncio.sleep(seconds)
    done = sum(client.done for client in clients) - done
    rate = done / (time.perf_counter() - begun)
    service, database = ((used(pid) - before) / done for pid, before in zip(pids, cpu, strict=True))
    return {"per_second": rate, "service_us": service, "database_us": database}


if __name__ == "__main__":
    _, port, service, database, kind, connections, seconds = sys.argv
    told = uvloop.run(send(int(port), [int(service), int(database)], kind, int(connections), float(seconds)))
    print(json.dumps(told))
