"""What every answer says besides its own, and what the head of a request may not be, whatever the route is."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from api.settings import Settings

Headers = list[tuple[bytes, bytes]]

_POLICY = b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_ONLY_ONCE = frozenset({b"host", b"content-type", b"content-encoding", b"idempotency-key", b"expect"})
"""Headers that mean something else to each reader when they stand there twice."""
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
"""RFC 9110, 7.2, which lets a client send nothing."""
_EXPOSED = b", ".join(
    [b"ETag", b"Link", b"RateLimit", b"RateLimit-Policy", b"Retry-After", b"X-Request-Id", b"Idempotency-Replayed"]
)
_ALLOWED = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
_PREFLIGHT_SECONDS = b"600"


def usual(settings: Settings) -> Headers:
    """The headers that every answer has unless it has its own (OWASP REST Security Cheat Sheet)."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", _POLICY),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    if settings.origin.startswith("https:"):
        headers.append((b"strict-transport-security", b"max-age=31536000"))  # a year, as browsers' lists ask for
    if settings.cors_origins:
        headers.append((b"vary", b"Origin"))
    return headers


def complete(headers: Headers, request_id: str, defaults: Headers) -> Headers:
    """An answer's headers with its request's id and the usual ones that it lacks."""
    present = {name for name, _ in headers}
    lacking = [header for header in defaults if header[0] not in present]
    return [*headers, (b"x-request-id", request_id.encode()), *lacking]


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """A request's headers by name; the lines of one that stands there more than once as one list (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def flaw(scope: Any, headers: Mapping[bytes, bytes]) -> str | None:
    """The code of what is wrong with a request before anything is asked about its route, if something is."""
    names = [name for name, _ in scope["headers"]]
    if len(names) > len(headers) and any(names.count(name) > 1 for name in _ONLY_ONCE):
        return "malformed_request"
    is_old = scope["http_version"] == "1.0"
    if not _HOST.fullmatch(headers.get(b"host", b"" if is_old else b" ")):
        return "malformed_request"
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (is_old or coding.lower() != b"chunked"):  # RFC 9112, 6.1
        return "malformed_request"
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        return "expectation_failed"
    return None if _is_canonical(scope) else "not_found"


def _is_canonical(scope: Any) -> bool:
    """Whether a path is written the one way that routes know; Litestar would take //, %2F and a trailing slash."""
    path: str = scope["path"]
    return "//" not in path and (path == "/" or not path.endswith("/")) and b"%2f" not in scope["raw_path"].lower()


def shared(origin: bytes | None, is_preflight: bool, answer: Headers, settings: Settings) -> Headers:
    """What lets a page of another origin read the answer (Fetch, 3.2): nothing unless the operator named that origin.

    Tokens travel in a header that scripts set, never in cookies, so no answer allows credentials.
    """
    if origin is None or origin.decode("latin-1") not in settings.cors_origins:
        return []
    headers = [(b"access-control-allow-origin", origin)]
    methods = next((value for name, value in answer if name == b"allow"), None)
    if is_preflight and methods is not None:
        return [
            *headers,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
    return [*headers, (b"access-control-expose-headers", _EXPOSED)]
