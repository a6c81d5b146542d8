"""What comes over the wire: requests that are none, too large or too slow, and what every answer says."""

import gzip
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

import psycopg
import pytest

from api.bodies import MAX_BYTES
from api.protocol import MAX_FRAMING, MAX_HEAD, MAX_HEADERS, MAX_URL
from tests.databases import TestDatabase
from tests.people import Person, client_of, member, one, problem
from tests.server import Service, serving
from tests.waiting import until
from tests.wire import exchange, line

LIVE = b"GET /health/live HTTP/1.1\r\n"
LOGIN = b"POST /v1/auth/login HTTP/1.1\r\nContent-Type: application/json\r\n"
HOST = b"Host: x\r\n"
CREDENTIALS = b'{"identifier":"nobody","password":"no heron was here"}'
LENGTH = b"Content-Length: %d\r\n" % len(CREDENTIALS)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: h2c\r\n"
MALFORMED = (400, "malformed_request")
GONE = (404, "not_found")

REFUSED: dict[str, tuple[bytes, tuple[int, str]]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", MALFORMED),
    "an unknown method": (b"FOO /health/live HTTP/1.1\r\n" + HOST, MALFORMED),
    "a method in lower case": (b"get /health/live HTTP/1.1\r\n" + HOST, MALFORMED),
    "HTTP/0.9": (b"GET /health/live\r\n", MALFORMED),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", MALFORMED),
    "HTTP/1.2": (b"GET /health/live HTTP/1.2\r\n" + HOST, MALFORMED),
    "no Host": (LIVE, MALFORMED),
    "two Hosts": (LIVE + HOST + HOST, MALFORMED),
    "two keys": (LOGIN + HOST + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", MALFORMED),
    "a Host that is none": (LIVE + b"Host: a b/c\r\n", MALFORMED),
    "a Host with somebody in it": (LIVE + b"Host: ann@x\r\n", MALFORMED),
    "two Hosts in one": (LIVE + b"Host: x, y\r\n", MALFORMED),
    "bare line feeds": (b"GET /health/live HTTP/1.1\nHost: x\n\n", MALFORMED),
    "one bare line feed": (LIVE + b"Host: x\nX: a\r\n", MALFORMED),
    "bare carriage returns": (LIVE + HOST + b"X: a\rY: b\r\n", MALFORMED),
    "a header before the first": (LIVE + b" X: a\r\n" + HOST, MALFORMED),
    "a header without a name": (LIVE + HOST + b": a\r\n", MALFORMED),
    "a header without a colon": (LIVE + HOST + b"X\r\n", MALFORMED),
    "a folded header": (LIVE + HOST + b"X: a\r\n b\r\n", MALFORMED),
    "a space before the colon": (LIVE + HOST + b"X : a\r\n", MALFORMED),
    "a NUL in a header": (LIVE + HOST + b"X: a\x00b\r\n", MALFORMED),
    "a control character in a header": (LIVE + HOST + b"X: a\x01b\r\n", MALFORMED),
    "a length and chunks": (LOGIN + HOST + CHUNKED + b"Content-Length: 5\r\n", MALFORMED),
    "chunks and a length": (LOGIN + HOST + b"Content-Length: 5\r\n" + CHUNKED, MALFORMED),
    "a length and chunks beside a wish": (LOGIN + HOST + UPGRADE + CHUNKED + b"Content-Length: 5\r\n", MALFORMED),
    "two lengths beside a wish": (LOGIN + HOST + UPGRADE + LENGTH + LENGTH, MALFORMED),
    "chunks in HTTP/1.0": (b"POST /v1/me HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n", MALFORMED),
    "two lengths": (LOGIN + HOST + LENGTH + LENGTH, MALFORMED),
    "two lengths in one": (LOGIN + HOST + b"Content-Length: 2, 2\r\n", MALFORMED),
    "a negative length": (LOGIN + HOST + b"Content-Length: -2\r\n", MALFORMED),
    "a signed length": (LOGIN + HOST + b"Content-Length: +2\r\n", MALFORMED),
    "a length in hexadecimal": (LOGIN + HOST + b"Content-Length: 0x36\r\n", MALFORMED),
    "a length with a space": (LOGIN + HOST + b"Content-Length: 5 4\r\n", MALFORMED),
    "an empty length": (LOGIN + HOST + b"Content-Length:\r\n", MALFORMED),
    "a length beyond counting": (LOGIN + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n", MALFORMED),
    "a chunk beyond counting": (LOGIN + HOST + CHUNKED + b"\r\n" + b"f" * 17 + b"\r\n{}\r\n", MALFORMED),
    "a chunk with a sign": (LOGIN + HOST + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n", MALFORMED),
    "a chunk in another notation": (LOGIN + HOST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n", MALFORMED),
    "a space after a chunk's size": (LOGIN + HOST + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n", MALFORMED),
    "a chunk longer than it says": (LOGIN + HOST + CHUNKED + b"\r\n2\r\n{}xx\r\n0\r\n", MALFORMED),
    "line feeds between chunks": (LOGIN + HOST + CHUNKED + b"\r\n2\n{}\n0\n", MALFORMED),
    "a line feed in a chunk's extension": (LOGIN + HOST + CHUNKED + b"\r\n2;a\nb\r\n{}\r\n0\r\n", MALFORMED),
    "line breaks in a chunk's extension": (LOGIN + HOST + CHUNKED + b'\r\n2;a="\r\nb"\r\n{}\r\n0\r\n', MALFORMED),
    "a bad chunk": (LOGIN + HOST + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n", MALFORMED),
    "an unknown coding": (LOGIN + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n", MALFORMED),
    "two codings": (LOGIN + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n", MALFORMED),
    "the same coding twice": (LOGIN + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n", MALFORMED),
    "a coding with a tab before the colon": (LOGIN + HOST + b"Transfer-Encoding\t: chunked\r\n", MALFORMED),
    "a coding that looks like one": (LOGIN + HOST + b"Transfer-Encoding: \x0bchunked\r\n", MALFORMED),
    "a coding that changes nothing": (LOGIN + HOST + b"Transfer-Encoding: identity\r\n", MALFORMED),
    "an authority as the target": (b"GET example.com:80 HTTP/1.1\r\n" + HOST, MALFORMED),
    "a relative target": (b"GET v1/me HTTP/1.1\r\n" + HOST, MALFORMED),
    "a target with two authorities": (b"GET http://a@b@c/v1/me HTTP/1.1\r\n" + HOST, MALFORMED),
    "a target without a port's number": (b"GET http://x:y/v1/me HTTP/1.1\r\n" + HOST, MALFORMED),
    "tabs in the request line": (b"GET\t/v1/me\tHTTP/1.1\r\n" + HOST, MALFORMED),
    "a proxy's own line": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + LIVE + HOST, MALFORMED),
    "a space in the target": (b"GET /health/live x HTTP/1.1\r\n" + HOST, MALFORMED),
    "a fragment": (b"GET /health/live#x HTTP/1.1\r\n" + HOST, MALFORMED),
    "a target beyond ASCII": (b"GET /health/l\xc3\xafve HTTP/1.1\r\n" + HOST, MALFORMED),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST, MALFORMED),
    "an unknown expectation": (LOGIN + HOST + LENGTH + b"Expect: more\r\n", (417, "expectation_failed")),
    "a long path": (b"GET /" + b"a" * MAX_URL + b" HTTP/1.1\r\n" + HOST, (414, "uri_too_long")),
    "a long query": (b"GET /v1/me?a=" + b"a" * MAX_URL + b" HTTP/1.1\r\n" + HOST, (414, "uri_too_long")),
    "a large header": (LIVE + HOST + b"X: " + b"a" * MAX_HEAD + b"\r\n", (431, "headers_too_large")),
    "many headers": (LIVE + HOST + b"X: a\r\n" * MAX_HEADERS, (431, "headers_too_large")),
    "two media types": (LOGIN + HOST + LENGTH + b"Content-Type: text/plain\r\n", MALFORMED),
    "two codings of a body": (LOGIN + HOST + b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", MALFORMED),
    "two expectations": (LOGIN + HOST + LENGTH + b"Expect: 100-continue\r\n" * 2, MALFORMED),
    "two tokens": (b"GET /v1/me HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a\r\n" * 2, (401, "token_invalid")),
    "an encoded slash": (b"GET /health%2flive HTTP/1.1\r\n" + HOST, GONE),
    "dots": (b"GET /health/../health/live HTTP/1.1\r\n" + HOST, GONE),
    "encoded dots": (b"GET /docs/%2e%2e/health/live HTTP/1.1\r\n" + HOST, GONE),
    "a backslash": (b"GET /health\\live HTTP/1.1\r\n" + HOST, GONE),
    "a path encoded twice": (b"GET /health/%256cive HTTP/1.1\r\n" + HOST, GONE),
    "an overlong slash": (b"GET /health%c0%aflive HTTP/1.1\r\n" + HOST, GONE),
    "line breaks in a path": (b"GET /health/live%0d%0aX:%20y HTTP/1.1\r\n" + HOST, GONE),
    "an encoded fragment": (b"GET /health/live%23 HTTP/1.1\r\n" + HOST, GONE),
    "a path of slashes": (b"GET /// HTTP/1.1\r\n" + HOST, GONE),
    "a path parameter": (b"GET /health/live;x=1 HTTP/1.1\r\n" + HOST, GONE),
    "an encoded NUL": (b"GET /health/live%00 HTTP/1.1\r\n" + HOST, GONE),
    "half an encoding": (b"GET /health/live% HTTP/1.1\r\n" + HOST, GONE),
    "all of the server": (b"OPTIONS * HTTP/1.1\r\n" + HOST, GONE),
    "TRACE": (b"TRACE /v1/me HTTP/1.1\r\n" + HOST, (405, "method_not_allowed")),
}
USUAL = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def ann(shared_service: Service) -> Person:
    """Somebody signed in."""
    return member(shared_service)


@pytest.mark.parametrize(("request_", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_proper_request_is_a_problem(
    shared_service: Service, request_: bytes, expected: tuple[int, str]
) -> None:
    answer = exchange(shared_service, request_ + b"\r\n")
    assert answer.problem == expected
    assert answer.headers.items() >= USUAL.items()
    assert answer.headers["cache-control"] == "no-store"
    assert "date" in answer.headers and "server" not in answer.headers


@pytest.mark.parametrize("name", [name for name, (request, _) in REFUSED.items() if len(request) < 1024])
def test_it_makes_no_difference_in_how_many_pieces_a_request_comes(shared_service: Service, name: str) -> None:
    request, expected = REFUSED[name]
    with line(shared_service) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # it is refused in the middle
            connection.send(*[b"%c" % byte for byte in request + b"\r\n"])
        assert connection.answer().problem == expected


def test_limits_are_as_large_as_they_say(shared_service: Service) -> None:
    """BR-420."""
    assert exchange(shared_service, LIVE + HOST + b"X: a\r\n" * (MAX_HEADERS - 1) + b"\r\n").status == 200
    target = b"/health/live?a=".ljust(MAX_URL, b"a")
    assert exchange(shared_service, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n").status == 200
    assert exchange(shared_service, LIVE + HOST + b"X: " + b"a" * (MAX_HEAD - 100) + b"\r\n\r\n").status == 200


def test_a_header_without_an_end_is_not_waited_for(shared_service: Service) -> None:
    with line(shared_service) as connection:
        connection.send(LIVE + b"X: " + b"a" * (MAX_HEAD // 2))
        connection.send(b"a" * MAX_HEAD)
        assert connection.answer().problem == (431, "headers_too_large")
        assert connection.rest() == b""


def test_http_1_0_is_answered_and_closed(shared_service: Service) -> None:
    with line(shared_service) as connection:
        answer = connection.send(b"GET /health/live HTTP/1.0\r\n\r\n").answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.rest() == b""


def test_a_wish_for_another_protocol_is_ignored(shared_service: Service) -> None:
    """RFC 9110, 7.8: the request is answered in this one, with its body, and so is the next on the connection."""
    with line(shared_service) as connection:
        for wish in (
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        ):
            request = LOGIN + HOST + LENGTH + b"Connection: Upgrade, HTTP2-Settings\r\n" + wish + b"\r\n"
            assert connection.send(request + CREDENTIALS).answer().problem == (401, "invalid_credentials")
            connection.send(request, CREDENTIALS[:20], CREDENTIALS[20:])
            assert connection.answer().problem == (401, "invalid_credentials")
            assert connection.send(LIVE + HOST + b"Upgrade: x\r\nConnection: upgrade\r\n\r\n").answer().status == 200


def test_a_wish_does_not_keep_a_connection_that_is_to_be_closed(shared_service: Service) -> None:
    for close in (b"Connection: close, upgrade\r\nUpgrade: h2c\r\n", b"Connection: close\r\n" + UPGRADE):
        with line(shared_service) as connection:
            answer = connection.send(LIVE + HOST + close + b"\r\n" + LIVE).answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert connection.rest() == b""


def test_a_target_with_its_server_is_a_path_of_this_one(ann: Person) -> None:
    """RFC 9112, 3.2.2: with the same authentication, whatever server it names."""
    for start in ("http://elsewhere.example", "HTTPS://x:8443", "http://ann:secret@x"):
        head = f"GET {start}/v1/me HTTP/1.1\r\nHost: x\r\n"
        assert exchange(ann.service, f"{head}\r\n".encode()).problem == (401, "authentication_required")
        token = f"Authorization: Bearer {ann.token}\r\n\r\n"
        assert exchange(ann.service, (head + token).encode()).status == 200


def test_what_stands_round_the_chunks_of_a_body_is_limited(shared_service: Service) -> None:
    """BR-420: a body may come byte by byte; extensions and trailers without an end are not taken in."""
    body = CREDENTIALS.ljust(MAX_BYTES)
    chunks = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in body[: MAX_BYTES // 2])
    chunks += b"%x\r\n%s\r\n0\r\nX: a\r\n\r\n" % (MAX_BYTES // 2, body[MAX_BYTES // 2 :])
    assert exchange(shared_service, LOGIN + HOST + CHUNKED + b"\r\n" + chunks).problem == (401, "invalid_credentials")
    for start in (b"2\r\n{}\r\n0\r\nX: ", b"2\r\n{}\r\n0\r\n", b"2;"):
        with line(shared_service) as connection:
            connection.send(LOGIN + HOST + CHUNKED + b"\r\n" + start)
            with suppress(OSError):
                for _ in range(8 * MAX_FRAMING // 4096):
                    connection.send(b"X: aaaaaa\r\n".ljust(4096, b"a") if start.endswith(b"0\r\n") else b"a" * 4096)
            assert connection.answer().problem == (413, "body_too_large")


def test_a_client_of_http_1_0_is_not_told_to_go_on(shared_service: Service) -> None:
    """RFC 9110, 10.1.1."""
    head = LOGIN.replace(b"HTTP/1.1", b"HTTP/1.0") + LENGTH + b"Expect: 100-continue\r\n\r\n"
    assert exchange(shared_service, head, CREDENTIALS).problem == (401, "invalid_credentials")


def test_a_body_that_was_not_read_is_no_request(shared_service: Service) -> None:
    """Whatever it was refused for, the next request begins where its length says."""
    smuggled = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    for start, status in ((b"POST /nothing", 404), (b"PUT /v1/auth/login", 405), (b"POST /v1/me/delete", 401)):
        head = start + b" HTTP/1.1\r\n" + HOST
        for framed in (
            b"Content-Length: %d\r\n\r\n%s" % (len(smuggled), smuggled),
            CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled),
        ):
            with line(shared_service) as connection:
                connection.send(head + framed + LIVE + HOST + b"Connection: close\r\n\r\n")
                assert [connection.answer().status for _ in range(2)] == [status, 200]
                assert connection.rest() == b""


def test_a_client_that_asks_first_is_told_to_go_on(shared_service: Service) -> None:
    with line(shared_service) as connection:
        assert connection.send(LOGIN + HOST + LENGTH + b"Expect: 100-continue\r\n\r\n").answer().status == 100
        assert connection.send(CREDENTIALS).answer().problem == (401, "invalid_credentials")


def test_a_trailer_is_no_header(ann: Person) -> None:
    head = b"GET /v1/me HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0\r\n"
    trailer = f"Authorization: Bearer {ann.token}\r\n\r\n".encode()
    assert exchange(ann.service, head + trailer).problem == (401, "authentication_required")


def test_requests_in_one_piece_are_answered_in_order(shared_service: Service) -> None:
    good, other = LIVE + HOST + b"\r\n", b"GET /v1/me HTTP/1.1\r\n" + HOST + b"\r\n"
    with line(shared_service) as connection:
        connection.send(other + good + other)
        assert [connection.answer().status for _ in range(3)] == [401, 200, 401]
        connection.send(other + b"nonsense\r\n\r\n")
        assert connection.answer().status == 401, "what follows a good request does not spoil its answer"
        assert connection.rest() == b""


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_compressed_body_is_not_unpacked(shared_service: Service, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = client_of(shared_service).post("/v1/auth/login", content=gzip.compress(CREDENTIALS), headers=headers)
    assert problem(answer) == (415, "unsupported_media_type")


# Slowly


@pytest.fixture(scope="module")
def hasty(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits a second for a request."""
    with serving(module_database, tmp_path_factory.mktemp("hasty"), PGROSTER_REQUEST_TIMEOUT="1") as service:
        yield service


PARTS = {
    "a letter": b"G",
    "half a head": LIVE + HOST,
    "no body": LOGIN + HOST + LENGTH + b"\r\n",
    "half a body": LOGIN + HOST + LENGTH + b"\r\n{",
    "half a chunk": LOGIN + HOST + CHUNKED + b"\r\n2\r\n{",
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_a_request_that_does_not_arrive_is_not_waited_for(hasty: Service, part: bytes) -> None:
    with line(hasty) as connection:
        assert connection.send(part).answer().problem == (408, "request_timeout")
        assert connection.rest() == b""


def test_a_request_that_trickles_is_no_better(hasty: Service) -> None:
    """BR-421: each byte comes before anybody would give up waiting for the next; what counts is the whole."""
    for head, drop in ((LIVE, b"X: a\r\n"), (LOGIN + HOST + b"Content-Length: 60000\r\n\r\n", b" ")):
        with line(hasty) as connection, ThreadPoolExecutor(1) as pool:
            connection.send(head)
            got = pool.submit(connection.answer)
            while not got.done():
                with suppress(OSError):
                    connection.send(drop)
                wait([got], 0.1)
            assert got.result().problem == (408, "request_timeout")


def test_a_connection_without_a_request_is_closed(hasty: Service) -> None:
    with line(hasty) as connection:
        assert connection.rest() == b""
    with line(hasty) as connection:
        assert connection.send(LIVE + HOST + b"\r\n").answer().status == 200
        assert connection.send(b"\r\n").rest() == b"", "an empty line is no request either"


def test_what_is_left_of_a_refused_body_is_not_waited_for(hasty: Service) -> None:
    with line(hasty) as connection:
        connection.send(LOGIN + HOST + b"Content-Length: 99999999\r\n\r\n{")
        assert connection.answer().problem == (413, "body_too_large")
        assert connection.rest() == b""


def test_an_answer_may_take_longer_than_its_request(hasty: Service) -> None:
    """Also while the next request waits behind it."""
    bob = member(hasty)
    head = f"Authorization: Bearer {bob.token}\r\n\r\n".encode()
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%revoke_my%%'"
    with psycopg.connect(hasty.admin_dsn) as holding, line(hasty) as connection:
        holding.execute("select from app.sessions where user_id = %s for update", [bob.id])
        connection.send(b"DELETE /v1/me/sessions HTTP/1.1\r\n" + HOST + head + LIVE[:8])
        until(lambda: one(hasty, waiting) == 1, 30, "the request waits")
        with line(hasty) as other:
            assert other.rest() == b"", "meanwhile a silent connection is closed"
        holding.rollback()
        assert connection.answer().status == 204
        assert connection.send(LIVE[8:] + HOST + b"\r\n").answer().status == 200
