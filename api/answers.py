"""Answers as ASGI messages: the bytes that PostgreSQL wrote, or a problem, with the headers that belong to them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from api.catalog import ProblemFacts
from api.errors import Problem, challenge, render

JSON = b"application/json"
PROBLEM = b"application/problem+json"
_UNSAFE = re.compile(r"[^\x20-\x7e\xa0-\xff]")


class Answer:
    """A complete response; sends itself. A body of None is no content."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes | None = None,
        content_type: bytes = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.body = body or b""
        self.headers: list[tuple[bytes, bytes]] = []
        if body is not None:
            self.headers.append((b"content-type", content_type))
        if status not in (204, 304):
            self.headers.append((b"content-length", str(len(self.body)).encode()))
        if headers:
            self.headers += [(name.lower().encode("latin-1"), _plain(value)) for name, value in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def of_problem(
    problem: Problem, registry: Mapping[str, ProblemFacts], request_id: str, has_token: bool = False
) -> Answer:
    """A problem as an answer, with the challenge that a 401 has to carry (RFC 9110, 15.5.2)."""
    status, body = render(problem, registry, request_id)
    headers = {"Cache-Control": "no-store"} | problem.headers
    if status == 401:
        headers["WWW-Authenticate"] = challenge(problem.code, has_token)
    return Answer(status, body, PROBLEM, headers)


def next_page(path: str, query: bytes, cursor: str) -> str:
    """The Link header that leads to the next page: this request with another cursor (RFC 8288, 3)."""
    kept = [(n, v) for n, v in parse_qsl(query.decode("ascii"), keep_blank_values=True) if n != "cursor"]
    return f'<{quote(path)}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def is_unchanged(etag: str | None, if_none_match: bytes | None) -> bool:
    """Whether the client has this version already: If-None-Match by weak comparison (RFC 9110, 13.1.2)."""
    if etag is None or if_none_match is None:
        return False
    known = if_none_match.decode("latin-1")
    return known.strip() == "*" or etag.removeprefix("W/") in (
        candidate.strip().removeprefix("W/") for candidate in known.split(",")
    )


def _plain(value: str) -> bytes:
    """A header's value without line breaks and other controls, whatever a function put there."""
    return _UNSAFE.sub("", value).encode("latin-1")
