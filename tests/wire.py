"""HTTP as bytes on a socket, for what no client library would send, and answers as they come."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.server import Service

PATIENCE = 60
"""Seconds to wait for what the server does by itself; far more than it takes."""


@dataclass(frozen=True)
class Wire:
    """One answer as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        """Status and code of a refusal, after a look at what every refusal has to be (RFC 9457)."""
        assert self.headers["content-type"] == "application/problem+json", self
        told: dict[str, Any] = json.loads(self.body)
        assert {"type", "title", "status", "code", "detail", "request_id"} <= told.keys()
        assert told["request_id"] == self.headers["x-request-id"]
        assert told["status"] == self.status
        return self.status, told["code"]


class Line:
    """An open connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._read = b""

    def send(self, *parts: bytes) -> "Line":
        """Send bytes as they are."""
        for part in parts:
            self.socket.sendall(part)
        return self

    def answer(self, has_body: bool = True) -> Wire:
        """The next answer."""
        head = self._until(lambda: b"\r\n\r\n" in self._read)
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        self._read = self._read.partition(b"\r\n\r\n")[2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert len(headers) == len(lines), f"a header stands there twice: {lines}"
        size = int(headers.get("content-length", 0)) if has_body else 0
        self._until(lambda: len(self._read) >= size)
        body, self._read = self._read[:size], self._read[size:]
        return Wire(int(first.split()[1]), headers, body)

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        try:
            while chunk := self.socket.recv(65536):
                self._read += chunk
        except ConnectionResetError:
            pass
        return self._read

    def _until(self, condition: Any) -> bytes:
        while not condition():
            chunk = self.socket.recv(65536)
            assert chunk, f"the server closed the connection after {self._read!r}"
            self._read += chunk
        return self._read


@contextmanager
def line(service: Service) -> Iterator[Line]:
    """A connection to a service."""
    address = urlsplit(service.base_url)
    with socket.create_connection((address.hostname, address.port), PATIENCE) as connection:
        yield Line(connection)


def exchange(service: Service, *parts: bytes, has_body: bool = True) -> Wire:
    """Bytes sent as they are, and the answer to them."""
    with line(service) as connection:
        return connection.send(*parts).answer(has_body)
