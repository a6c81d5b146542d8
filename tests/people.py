"""People who use the service over HTTP, for the tests: each has a connection, an account and tokens of their own."""

import itertools
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import httpx

from tests.server import Service
from tests.waiting import until

PASSWORD = "seven herons over Lake Brienz"
NEW_PASSWORD = "nine kites above Lake Thun"
WRONG_PASSWORD = "no heron was ever here"

_numbers = itertools.count(1)
_addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and not made anew for each client, which is slow


class Person:
    """Somebody with an HTTP client; `token` is sent once they have signed in."""

    def __init__(self, service: Service, name: str = "ann") -> None:
        self.service = service
        number = next(_numbers)
        self.username = f"{name}-{os.getpid()}-{number}"
        self.email = f"{self.username}@example.com"
        self.password = PASSWORD
        self.id = ""
        self.session: dict[str, Any] = {}
        self.client = client_of(service)

    @property
    def token(self) -> str:
        """The newest access token."""
        return str(self.session["access_token"])

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """One request, with the access token where there is one."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.session else {}
        return self.client.request(method, path, headers=sent | (headers or {}), **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET as this person."""
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """POST as this person."""
        return self.request("POST", path, json=body, **more) if body is not None else self.request("POST", path, **more)

    def register(self, **fields: Any) -> httpx.Response:
        """Create the account."""
        body = {"email": self.email, "username": self.username, "password": self.password, "gdpr_consent": True}
        answer = self.client.post("/v1/auth/register", json=body | fields)
        if answer.status_code == 201:
            self.id = answer.json()["id"]
        return answer

    def login(self, identifier: str | None = None, password: str | None = None, **fields: Any) -> httpx.Response:
        """Sign in; a good answer's tokens are kept."""
        body = {"identifier": identifier or self.email, "password": password or self.password} | fields
        answer = self.client.post("/v1/auth/login", json=body)
        if answer.status_code == 200:
            self.session = answer.json()
        return answer

    def refresh(self, token: str | None = None) -> httpx.Response:
        """Exchange the refresh token; a good answer's tokens are kept."""
        body = {"refresh_token": token or self.session["refresh_token"]}
        answer = self.client.post("/v1/auth/refresh", json=body)
        if answer.status_code == 200:
            self.session = answer.json()
        return answer

    def elsewhere(self) -> "Person":
        """The same person with a connection and a session of their own, not signed in yet."""
        twin = Person(self.service)
        twin.username, twin.email, twin.password, twin.id = self.username, self.email, self.password, self.id
        return twin

    def twin(self) -> "Person":
        """The same person in the same session with a connection of their own."""
        twin = self.elsewhere()
        twin.session = self.session
        return twin


class Client(httpx.Client):
    """A client that closes its connections when nobody needs it any more."""

    def __del__(self) -> None:
        self.close()


def client_of(service: Service) -> Client:
    """A client with a connection of its own, which is open already: what follows starts at once.

    It says that it forwards for an address of its own, which counts only where the service was started with PROXY.
    """
    forwarded = {"X-Forwarded-For": next(_addresses)}
    client = Client(base_url=service.base_url, headers=forwarded, timeout=60, trust_env=False, verify=_NO_TLS)
    assert client.get("/health/live").status_code == 200
    return client


def patiently(request: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a request that is sent again for as long as the service is at its limit, as 503 asks for.

    What crowds send in tests about something else: a busy machine lets requests wait longer than the service does.
    """
    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        answers.append(request())
        return answers[-1].status_code != 503

    until(is_answered, 120, "an answer but 503")
    return answers[-1]


def member(service: Service, name: str = "ann", **fields: Any) -> Person:
    """Somebody who has just registered and signed in."""
    person = Person(service, name)
    answer = person.register(**fields)
    assert answer.status_code == 201, answer.text
    answer = person.login()
    assert answer.status_code == 200, answer.text
    return person


def grant(person: Person, role: str) -> None:
    """Give a role the way the first administrator gets it: in the database."""
    person.service.database.execute(
        "insert into app.user_roles (user_id, role_id) select %s, id from app.roles where name = %s", [person.id, role]
    )


def holder(service: Service, role: str) -> Person:
    """Somebody signed in who holds a role besides `user`."""
    person = member(service, role)
    grant(person, role)
    return person


@contextmanager
def moved_clock(service: Service, shift: str) -> Iterator[None]:
    """Everything that the database decides by time happens `shift` later while the block runs."""
    before = one(service, "select shift::text from private.clock")
    service.database.execute("update private.clock set shift = shift + %s::interval", [shift])
    try:
        yield
    finally:
        service.database.execute("update private.clock set shift = %s::interval", [before])


@contextmanager
def near_the_end(person: Person) -> Iterator[None]:
    """Less than two seconds are left of somebody's session while the block runs."""
    query = "select (expires_at - clock_timestamp() - interval '1.9 seconds')::text from app.sessions where id = %s"
    with moved_clock(person.service, one(person.service, query, person.session["session_id"])):
        yield


@contextmanager
def early_in_a_minute(service: Service) -> Iterator[None]:
    """A minute of the database's clock has just begun, so that no window of a limit ends while the block runs."""
    rest = one(service, "select (60 - mod(extract(epoch from clock_timestamp()), 60))::text")
    with moved_clock(service, f"{rest} seconds"):
        yield


def one(service: Service, query: LiteralString, *values: Any) -> Any:
    """The first column of the only row."""
    rows = service.database.execute(query, values).fetchall()
    assert len(rows) == 1, rows
    return rows[0][0]


def events(service: Service, action: str, user_id: str) -> list[dict[str, Any]]:
    """Details of the audit rows of one kind about one person, in order."""
    rows = service.database.execute(
        "select details from audit.audit_logs where action = %s and user_id = %s order by id", [action, user_id]
    )
    return [details for (details,) in rows]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, after a look at what every refusal has to be (RFC 9457)."""
    assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text)
    body = answer.json()
    assert {"type", "title", "status", "code", "detail", "request_id"} <= body.keys(), body
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["code"]


def rename(person: Person, name: str) -> httpx.Response:
    """Change somebody's first name."""
    return person.request("PATCH", "/v1/me", json={"first_name": name})


def written(service: Service, answer: httpx.Response) -> int:
    """How many rows of the log a request has left."""
    return int(
        one(service, "select count(*) from audit.audit_logs where request_id = %s", answer.headers["x-request-id"])
    )
