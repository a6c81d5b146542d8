"""What every route does with a request, whatever the route is: read it strictly, refuse it kindly, say who answered."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api.bodies import MAX_BYTES
from tests.people import PASSWORD, Person, client_of, early_in_a_minute, holder, member, one, problem
from tests.server import PROXY, Service, StartService
from tests.test_bodies import HOSTILE
from tests.wire import exchange

JSON = {"Content-Type": "application/json"}
LOGIN = "/v1/auth/login"
PROBLEM_MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}


@pytest.fixture(scope="module")
def ann(shared_service: Service) -> Person:
    """Somebody signed in."""
    return member(shared_service)


@pytest.fixture
def client(shared_service: Service) -> httpx.Client:
    """A client that is not signed in."""
    return client_of(shared_service)


def fields(answer: httpx.Response) -> dict[str, str]:
    """Field and code of every complaint."""
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("body", [b for b in HOSTILE.values() if b], ids=[n for n, b in HOSTILE.items() if b])
def test_hostile_json_is_a_400(client: httpx.Client, body: bytes) -> None:
    assert problem(client.post(LOGIN, content=body, headers=JSON)) == (400, "malformed_json")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_a_422(client: httpx.Client, body: bytes) -> None:
    assert problem(client.post(LOGIN, content=body, headers=JSON)) == (422, "invalid_request")


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/json; charset=utf-16",
    ],
)
def test_a_body_of_another_kind_is_a_415(client: httpx.Client, media_type: str) -> None:
    answer = client.post(LOGIN, content=b'{"identifier":"a","password":"b"}', headers={"Content-Type": media_type})
    assert problem(answer) == (415, "unsupported_media_type")


def test_a_body_beyond_the_limit_is_a_413_however_it_is_sent(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BYTES // 4096 + 1):
            yield b" " * 4096

    large = b'{"identifier":"' + b"a" * MAX_BYTES + b'"}'
    assert problem(client.post(LOGIN, content=large, headers=JSON)) == (413, "body_too_large")
    assert problem(client.post(LOGIN, content=chunks(), headers=JSON)) == (413, "body_too_large")
    fitting = json.dumps({"identifier": "a", "password": "b"}).encode().ljust(MAX_BYTES)
    assert problem(client.post(LOGIN, content=fitting, headers=JSON)) == (401, "invalid_credentials")


def test_an_announced_length_that_is_too_large_is_refused_before_it_is_sent(shared_service: Service) -> None:
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    assert exchange(shared_service, head.encode()).problem == (413, "body_too_large")


def test_every_mistake_of_a_request_is_told_at_once(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/auth/register?x=1",
        json={"email": "nobody", "password": "short", "gdpr_consent": "yes", "extra": 1, "locale": None},
    )
    assert problem(answer) == (422, "invalid_request")
    assert fields(answer) == {
        "x": "unknown",
        "extra": "unknown",
        "email": "pattern",
        "username": "required",
        "password": "too_short",
        "gdpr_consent": "type",
        "locale": "type",
    }
    assert all(error["message"].endswith(".") for error in answer.json()["errors"])
    assert "nobody" not in answer.text and "short" not in answer.text.replace("too_short", "")


def test_of_thousands_of_mistakes_some_are_told(client: httpx.Client, ann: Person) -> None:
    """Else a small request has a large answer, and keeps everybody waiting while it is made."""
    unknown = client.post("/v1/auth/register", json={f"key{number}": 1 for number in range(5000)})
    assert problem(unknown) == (422, "invalid_request")
    scopes = ann.post("/v1/me/api-keys", {"name": "x", "scopes": ["No Permission"] * 4000, "password": PASSWORD})
    assert problem(scopes) == (422, "invalid_request")
    assert 50 <= len(unknown.json()["errors"]) <= 110
    assert len(scopes.json()["errors"]) == 50


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=0", "limit", "minimum"),
        ("limit=101", "limit", "maximum"),
        ("limit=ten", "limit", "type"),
        ("limit=1e1", "limit", "type"),
        ("limit=%201", "limit", "type"),
        ("limit=" + "9" * 400, "limit", "type"),
        ("limit=", "limit", "type"),
        ("limit=1&limit=2", "limit", "repeated"),
        ("lim=1", "lim", "unknown"),
        ("Limit=1", "Limit", "unknown"),
        ("cursor=%00", "cursor", "type"),
        ("cursor=%ff", "", "query"),
        ("&".join(f"a{n}=1" for n in range(100)), "", "query"),
    ],
)
def test_the_query_is_held_to_the_document(ann: Person, query: str, field: str, code: str) -> None:
    answer = ann.get(f"/v1/me/sessions?{query}")
    assert problem(answer) == (422, "invalid_request")
    assert fields(answer) == {field: code}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("2026-01-31T12:00:00Z", 200),
        ("2026-01-31T12:00:00.123456789-23:59", 200),
        ("2026-01-31T12:00:00+16:48", 200),
        ("9999-12-31T23:59:59-23:59", 422),
        ("0001-01-01T00:00:00+23:59", 422),
        ("2026-01-31T12:00:00+24:00", 422),
        ("2026-01-31T12:00:00", 422),
        ("2026-02-30T12:00:00Z", 422),
        ("yesterday", 422),
    ],
)
def test_a_time_may_have_any_offset_of_rfc_3339(shared_service: Service, given: str, status: int) -> None:
    """PostgreSQL itself takes none from sixteen hours on."""
    assert holder(shared_service, "admin").get("/v1/users", params={"created_after": given}).status_code == status


@pytest.mark.parametrize(
    "given", ["not-a-uuid", "0190e0c4", "{0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e}", "%00", "%ff", "1' or '1'='1"]
)
def test_an_id_that_cannot_be_one_answers_as_a_missing_one(ann: Person, given: str) -> None:
    assert problem(ann.request("DELETE", f"/v1/me/sessions/{given}")) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/me/",
        "//v1/me",
        "/v1//me",
        "/V1/me",
        "/v1/ME",
        "/v1/me//",
        "/v1/me/%2e",
        "/v1/nothing",
        "/docs/",
        "/health",
        "/metricsx",
    ],
)
def test_a_path_that_is_not_written_exactly_so_is_a_404(ann: Person, path: str) -> None:
    answer = ann.client.get(httpx.URL(ann.service.base_url + path), headers={"Authorization": f"Bearer {ann.token}"})
    assert problem(answer) == (404, "not_found")
    assert answer.json().keys() == PROBLEM_MEMBERS


def test_another_spelling_of_the_same_path_meets_the_same_door(client: httpx.Client, shared_service: Service) -> None:
    head = "GET /v1/%6d%65 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(shared_service, head.encode()).problem == (401, "authentication_required")


def test_a_method_that_a_path_does_not_take_is_a_405_that_says_which(ann: Person) -> None:
    answer = ann.request("PUT", "/v1/me")
    assert problem(answer) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    for method in ("PROPFIND", "TRACE"):
        assert problem(ann.request(method, "/v1/me")) == (405, "method_not_allowed")
    options = ann.request("OPTIONS", "/v1/me")
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["allow"] == answer.headers["allow"]


def test_every_path_takes_exactly_the_methods_that_it_names(client: httpx.Client, shared_service: Service) -> None:
    """Also those that nobody has given a route of its own; what is no path takes none."""
    described = client.get("/openapi.json").json()["paths"]
    paths = [
        *(re.sub(r"{\w+}", "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e", path) for path in described),
        "/docs",
        "/metrics",
    ]
    for path in paths:
        options = client.options(path)
        refused = client.request("PROPFIND", path)
        assert problem(refused) == (405, "method_not_allowed"), path
        allowed = set(refused.headers["allow"].split(", "))
        assert options.status_code == 204 and set(options.headers["allow"].split(", ")) == allowed, path
        assert ("HEAD" in allowed) == ("GET" in allowed), path
        for method in ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "LINK", "QUERY"):
            answer = client.request(method, path)
            assert (answer.status_code == 405) == (method not in allowed), (method, path)
            assert answer.status_code < 500, (method, path)
        assert exchange(shared_service, f"CONNECT {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status == 400


def test_no_header_or_parameter_changes_the_method(ann: Person) -> None:
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert ann.get("/v1/me", headers={header: "PATCH"}).status_code == 200
    assert problem(ann.get("/v1/me?_method=DELETE")) == (422, "invalid_request")


def test_what_a_client_would_rather_have_changes_nothing(ann: Person) -> None:
    """An answer is JSON, whole, not compressed, and in the one language that it is written in."""
    usual = ann.get("/v1/me")
    for name, value in [
        ("Accept", "application/xml"),
        ("Accept", ";;,/,*/"),
        ("Accept-Charset", "utf-16"),
        ("Accept-Encoding", "gzip, br;q=1, identity;q=0"),
        ("Accept-Language", "tlh"),
        ("Range", "bytes=0-1"),
        ("If-Range", usual.headers["etag"]),
        ("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT"),
        ("X-Original-URL", "/v1/users"),
        ("X-Rewrite-URL", "/v1/users"),
        ("X-Forwarded-Host", "elsewhere.example"),
        ("X-Forwarded-Prefix", "/elsewhere"),
        ("Content-Length", "0"),
        ("Cookie", "session=x"),
        ("TE", "trailers"),
    ]:
        answer = ann.get("/v1/me", headers={name: value})
        assert (answer.status_code, answer.content) == (200, usual.content), name
        assert not {"content-range", "content-encoding", "location", "set-cookie"} & answer.headers.keys()


def test_head_is_get_without_the_body(ann: Person) -> None:
    get, head = ann.get("/v1/me"), ann.request("HEAD", "/v1/me")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == get.headers[name]
    assert client_of(ann.service).head("/v1/me").status_code == 401


def test_who_is_not_signed_in_learns_only_that(client: httpx.Client, ann: Person) -> None:
    hostile: list[dict[str, Any]] = [
        {"content": b"{", "headers": JSON},
        {"content": b"x", "headers": {"Content-Type": "text/plain"}},
        {"json": {"unknown": 1}},
        {"content": b" " * (MAX_BYTES + 1), "headers": JSON},
        {"params": {"x": "1"}},
    ]
    for request in hostile:
        assert problem(client.patch("/v1/me", **request)) == (401, "authentication_required")
    assert problem(client.delete("/v1/me/sessions/nonsense")) == (401, "authentication_required")
    assert problem(ann.request("DELETE", "/v1/users/nonsense")) == (403, "forbidden")


def test_a_401_says_how_to_authenticate(client: httpx.Client, ann: Person) -> None:
    def challenge(token: str | None) -> str:
        answer = client.get("/v1/me", headers={"Authorization": token} if token else {})
        assert answer.status_code == 401
        return str(answer.headers["www-authenticate"])

    assert challenge(None) == challenge("Basic YTpi") == 'Bearer realm="pgroster"'
    for token in ("nonsense", f"{ann.token}x"):
        assert challenge(f"Bearer {token}") == 'Bearer realm="pgroster", error="invalid_token"'
    refused = client.post(LOGIN, json={"identifier": "nobody", "password": "nothing"})
    assert refused.headers["www-authenticate"] == 'Bearer realm="pgroster"'


def test_a_request_that_fails_is_counted_like_any_other(start_service: StartService) -> None:
    service = start_service(**PROXY)
    with early_in_a_minute(service):
        bob = member(service)
        taken = {"email": bob.email, "username": bob.username, "password": bob.password, "gdpr_consent": True}
        answers = [
            bob.get("/v1/me"),
            bob.request("PATCH", "/v1/me", json={"first_name": "A"}, headers={"If-Match": '"0"'}),
            bob.request("DELETE", "/v1/me/sessions/0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e"),
            bob.request("DELETE", "/v1/me/sessions/nonsense"),
            bob.request("PATCH", "/v1/me", json={"first_name": 1}),
            bob.client.get("/v1/me", headers={"Authorization": "Bearer nonsense"}),
            bob.client.post("/v1/auth/register", json=taken),
        ]
    assert [answer.status_code for answer in answers] == [200, 412, 404, 404, 422, 401, 409]
    left = [int(answer.headers["ratelimit"].partition('"default";r=')[2].partition(";")[0]) for answer in answers]
    assert left == list(range(left[0], left[0] - len(answers), -1))


LIMIT = re.compile(r'"[a-z_]+";r=\d+;t=[1-9]\d*(, "[a-z_]+";r=\d+;t=[1-9]\d*)*')
POLICY = re.compile(r'"[a-z_]+";q=[1-9]\d*;w=[1-9]\d*(, "[a-z_]+";q=[1-9]\d*;w=[1-9]\d*)*')


def test_every_answer_says_where_the_caller_stands(client: httpx.Client, ann: Person) -> None:
    """BR-412: in the form of draft-ietf-httpapi-ratelimit-headers-11; but for health, which is not limited."""
    tag = client.get("/openapi.json").headers["etag"]
    answers = [
        ann.get("/v1/me"),
        ann.get("/v1/me", headers={"If-None-Match": "*"}),
        ann.request("PATCH", "/v1/me", json={"locale": "de"}, headers={"If-Match": '"0"'}),
        ann.request("DELETE", "/v1/me/sessions/0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e"),
        client.get("/v1/me"),
        client.get("/v1/me", headers={"Authorization": "Bearer nonsense"}),
        client.post(LOGIN, json={"identifier": "nobody", "password": "nothing"}),
        client.post(LOGIN, content=b"{", headers=JSON),
        client.post(LOGIN, content=b"{}", headers={"Content-Type": "text/plain"}),
        client.post(LOGIN, content=b" " * (MAX_BYTES + 1), headers=JSON),
        client.post(LOGIN, json={}),
        client.put("/v1/me"),
        client.options("/v1/me"),
        client.head("/docs"),
        client.get("/openapi.json", headers={"If-None-Match": tag}),
        *[
            client.get(path)
            for path in ("/docs", "/docs/start.js", "/.well-known/jwks.json", "/account/reset_password", "/v1/nothing")
        ],
        client.get("/v1//me"),
        client.get("/docs/"),
    ]
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 204, 304, 400, 401, 404, 405, 412, 413, 415, 422}
    for answer in answers:
        assert POLICY.fullmatch(answer.headers["ratelimit-policy"]), answer.url
        assert LIMIT.fullmatch(answer.headers["ratelimit"]), answer.url
    assert not {"ratelimit", "ratelimit-policy"} & client.get("/health/live").headers.keys()


def test_all_addresses_of_one_ipv6_network_are_one_client(start_service: StartService) -> None:
    """BR-402: however many of its addresses it uses, and whoever is next door."""
    service = start_service(**PROXY)
    service.database.execute("update app.rate_limit_policies set quota = 3 where name = 'default'")

    def status(address: str) -> int:
        return service.client.get("/v1/me", headers={"X-Forwarded-For": address}).status_code

    with early_in_a_minute(service):
        statuses = [status(f"2001:db8:1:2:{number:x}::{number}") for number in range(1, 6)]
        assert statuses == [401, 401, 401, 429, 429]
        assert status("2001:db8:1:3::1") == 401
        assert [status("::ffff:203.0.113.7"), status("203.0.113.7")] == [401, 401]
        assert one(service, "select hits from app.rate_limits where subject = '203.0.113.7'") == 2


def test_a_scan_of_paths_is_limited_like_calls_and_health_is_not(start_service: StartService) -> None:
    """BR-412"""
    service = start_service(**PROXY)
    service.database.execute("update app.rate_limit_policies set quota = 6 where name = 'default'")
    scanner = client_of(service)
    paths = ["/docs", "/nothing", "/v1/me/", "/openapi.json", "/.well-known/jwks.json", "/account/x"]
    with early_in_a_minute(service):
        assert {scanner.get(path).status_code for path in paths} == {200, 404}
        for path in (*paths, "/v1/me"):
            answer = scanner.get(path)
            assert problem(answer) == (429, "rate_limited"), path
            assert int(answer.headers["retry-after"]) > 0
            assert '"default";r=0;t=' in answer.headers["ratelimit"]
        assert scanner.head("/docs").content == b""
        assert scanner.get("/health/live").status_code == 200
        assert client_of(service).get("/docs").status_code == 200, "somebody else is not affected"
    rows = one(service, "select count(*) from audit.audit_logs where action = 'request.rate_limited'")
    assert rows == 1, "a flood leaves one row"


def test_what_needs_no_database_does_not_wait_for_one(start_service: StartService) -> None:
    """BR-412"""
    service = start_service()
    assert service.client.get("/docs").status_code == 200
    waiting = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and usename = 'roster_authenticator' and wait_event_type = 'Lock'"
    )
    with psycopg.connect(service.admin_dsn) as holder:
        holder.execute("select from app.rate_limits for update")
        answer = service.client.get("/.well-known/jwks.json")
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
        assert one(service, waiting) == 1, "the count itself has not ended"


def test_an_old_token_keeps_nobody_from_signing_in(client: httpx.Client, ann: Person) -> None:
    body = {"identifier": ann.email, "password": ann.password}
    assert client.post(LOGIN, json=body, headers={"Authorization": "Bearer expired"}).status_code == 200


def test_every_answer_has_an_id_and_plain_headers(client: httpx.Client, ann: Person) -> None:
    answers = [
        ann.get("/v1/me"),
        client.get("/v1/me"),
        client.get("/nothing"),
        client.put("/v1/me"),
        client.post(LOGIN, content=b"{", headers=JSON),
        client.get("/health/live"),
        client.get("/openapi.json"),
        client.options("/v1/me"),
    ]
    assert len({a.headers["x-request-id"] for a in answers}) == len(answers)
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            assert answer.headers["cache-control"] == "no-store"
    assert ann.get("/v1/me").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_X", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("two words", False),
        ("a;b", False),
        ("é", False),
    ],
)
def test_a_plain_request_id_of_the_client_is_kept(client: httpx.Client, given: str, kept: bool) -> None:
    answer = client.get("/health/live", headers={b"X-Request-Id": given.encode("latin-1")})
    assert (answer.headers["x-request-id"] == given) is kept


def test_the_request_id_reaches_the_audit_log_and_the_service_log(ann: Person) -> None:
    answer = ann.request("PATCH", "/v1/me", json={"first_name": "Anna"}, headers={"X-Request-Id": "trace-me.1"})
    assert answer.status_code == 200
    assert one(ann.service, "select count(*) from audit.audit_logs where request_id = 'trace-me.1'") >= 1
    lines = [json.loads(line) for line in ann.service.log.read_text().splitlines() if "trace-me.1" in line]
    assert [(line["method"], line["route"], line["status"], line["user"]) for line in lines] == [
        ("PATCH", "/v1/me", 200, ann.id)
    ]


def test_no_secret_reaches_the_log(ann: Person, shared_service: Service) -> None:
    fresh = member(shared_service)
    fresh.refresh()
    fresh.login(password="a wrong password of Ann's")
    log = shared_service.log.read_text()
    for secret in (fresh.password, "a wrong password of Ann's", fresh.token, fresh.session["refresh_token"]):
        assert secret not in log


FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7",
    "X-Client-IP": "203.0.113.7",
    "CF-Connecting-IP": "203.0.113.7",
}


def address_seen(person: Person, headers: dict[str, str] | list[tuple[str, str]]) -> str:
    """The address under which a sign-in was taken down."""
    body = {"identifier": person.email, "password": person.password}
    with httpx.Client(base_url=person.service.base_url, trust_env=False) as client:
        person.session = client.post(LOGIN, json=body, headers=headers).json()
    page = person.get("/v1/me/sessions").json()["items"]
    return str(next(item["client_address"] for item in page if item["is_current"]))


def test_a_forged_address_changes_nothing(ann: Person) -> None:
    assert address_seen(ann, FORGED) == "127.0.0.1"


def test_behind_a_trusted_proxy_the_first_hop_that_is_none_counts(start_service: StartService) -> None:
    bob = member(start_service(PGROSTER_TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8"))
    for forwarded, seen in [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("203.0.113.7, nonsense, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7, , 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("10.1.2.3:nonsense, [10.1.2.4", "10.1.2.3"),
        ("nonsense", "127.0.0.1"),
        ("10.9.9.9", "10.9.9.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ]:
        assert address_seen(bob, {"X-Forwarded-For": forwarded}) == seen
    assert address_seen(bob, {"X-Real-IP": "203.0.113.7"}) == "127.0.0.1"
    lines = [("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7"), ("X-FORWARDED-FOR", "10.1.2.3")]
    assert address_seen(bob, lines) == "203.0.113.7", "several lines are one list"
