"""A token is good or it is none: a corpus of more than a thousand that are none, at the reader and over a socket."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api import keys
from api.tokens import TokenError, Tokens
from tests.databases import TestDatabase
from tests.hostile_tokens import TEXTS, TIMES, WORDS, Forge, corpus, encode, filled, members
from tests.people import member, one
from tests.server import Service, serving

ISSUER, AUDIENCE = "https://accounts.example.org", "pgroster"
KEYS = (keys.new("EdDSA", int(time.time())), keys.new("ES256", int(time.time())))
READER = Tokens(keys.Keys(KEYS), ISSUER, AUDIENCE)
CASES_MIN = 1000
CONTROL_EVERY = 100
PATH = "/v1/me"


def claims() -> dict[str, Any]:
    """Those of a good token."""
    now = int(time.time())
    text = {"iss": ISSUER, "aud": AUDIENCE, "sub": "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e"}
    more = {"client_id": "pgroster", "sid": "s3cret", "jti": "1", "iat": now, "nbf": now, "exp": now + 900}
    return text | more | {"roles": ["user"]}


FORGE = Forge(KEYS, claims())
GOOD = tuple(FORGE.token(key) for key in KEYS)


def accepts(token: str) -> bool:
    """Whether a reader takes the token; any other error than its own is a failure of the test."""
    try:
        READER.verify(token)
    except TokenError:
        return False
    return True


def test_no_hostile_token_is_accepted() -> None:
    """BR-133"""
    cases = corpus(FORGE)
    cases |= {f"{text!r}": filled(text, token) for token in GOOD for text in WORDS["spellings"]["unsendable"]}
    cases |= {f"{lone!r} {n}": lone + GOOD[0] for n, lone in enumerate(("\ud800", "\udcff", "\udfff"))}
    assert len(cases) > CASES_MIN
    assert [name for name, token in cases.items() if accepts(token)] == []
    assert all(map(accepts, GOOD)), "what the cases are made of is good"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from([*claims(), "alg", "kid", "typ", "crit"]) | st.text(max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters()) | st.from_regex(r"\A[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\Z"))
def test_a_reader_has_one_error_for_any_text(text: str) -> None:
    assert not accepts(text)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=70))
def test_a_reader_has_one_error_for_any_bytes(head: bytes, body: bytes, signature: bytes) -> None:
    assert not accepts(f"{encode(head)}.{encode(body)}.{encode(signature)}")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KEYS), st.dictionaries(names, json_values, max_size=3), st.dictionaries(names, json_values))
def test_a_reader_has_one_error_for_any_change_of_what_is_signed(
    key: keys.Key, head: dict[str, Any], body: dict[str, Any]
) -> None:
    changed = FORGE.token(key, FORGE.head(key) | members(head), members(claims() | body))
    if accepts(changed):  # then nothing that counts was changed
        assert jwt.get_unverified_header(changed) == {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
        told = claims() | body
        assert (told["iss"], told["aud"]) == (ISSUER, AUDIENCE)
        assert all(told[name] and type(told[name]) is str for name in TEXTS)
        assert all(type(told[name]) is int for name in TIMES)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0), st.characters())
def test_a_reader_takes_no_token_with_a_letter_changed(token: str, at: int, letter: str) -> None:
    at %= len(token)
    assume(letter != token[at])
    assert not accepts(token[:at] + letter + token[at + 1 :])


@dataclass(frozen=True)
class Target:
    """A running service, what forges its tokens, and a good token by each of its keys."""

    service: Service
    forge: Forge
    good: tuple[str, str]
    refresh_token: str
    session_id: str


class Asker:
    """A connection that sends headers as they are."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.service.base_url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._good = target.good
        self._asked = 0

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, *headers: tuple[str, str], path: str = PATH, body: bytes | None = None) -> tuple[int, Any, Any]:
        """Status, body without what differs anyhow, and WWW-Authenticate."""
        self._connection.putrequest("GET" if body is None else "POST", path)
        for name, value in headers:
            self._connection.putheader(name, bytes_of(value))
        if body is not None:
            self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body)
        answer = self._connection.getresponse()
        shown = json.loads(answer.read())
        shown.pop("request_id", None)
        return answer.status, shown, answer.headers["www-authenticate"]

    def bearer(self, token: str) -> tuple[int, Any, Any]:
        """What a token gets; good ones in between show that it is not the connection that is refused."""
        self._asked += 1
        if self._asked % CONTROL_EVERY == 1:
            for good in self._good:
                assert self.ask(("Authorization", f"Bearer {good}"))[0] == 200
        return self.ask(("Authorization", f"Bearer {token}"))


@pytest.fixture
def asker(target: "Target") -> Iterator["Asker"]:
    """A connection to it."""
    with Asker(target) as asker:
        yield asker


@pytest.fixture(scope="module")
def target(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service whose keys are known; one of each algorithm."""
    place = tmp_path_factory.mktemp("service")
    directory = place / "var" / "keys"
    directory.mkdir(parents=True, mode=0o700)
    for key in KEYS:
        keys.store(key, directory)
    with serving(module_database, place) as service:
        ann = member(service)
        forge = Forge(KEYS, jwt.decode(ann.token, options={"verify_signature": False}))
        good = (forge.token(KEYS[0]), forge.token(KEYS[1]))
        yield Target(service, forge, good, ann.session["refresh_token"], ann.session["session_id"])


def bytes_of(text: str) -> bytes:
    """As a client sends it: Latin-1 where that can be, else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def test_every_hostile_token_gets_the_same_401(target: Target, asker: Asker) -> None:
    """BR-133"""
    expected = asker.bearer("x.y.z")
    assert (expected[0], expected[1]["code"]) == (401, "token_invalid")
    assert expected[2] == 'Bearer realm="pgroster", error="invalid_token"'
    cases = corpus(target.forge) | other_secrets(target)
    assert len(cases) > CASES_MIN
    assert {name: answer for name, token in cases.items() if (answer := asker.bearer(token)) != expected} == {}
    for good in target.good:
        assert asker.ask(("Authorization", f"bearer  {good} "))[0] == 200, (
            "the scheme in any case, and spaces, are fine"
        )


def other_secrets(target: Target) -> dict[str, str]:
    """What the same service and others have given to somebody, in the place of an access token."""
    forge, key = target.forge, target.forge.keys[0]
    issued = str(forge.claims["sid"])
    return {
        "a refresh token": target.refresh_token,
        "a session's public id": target.session_id,
        "a session's secret": issued,
        "a user's id": str(forge.claims["sub"]),
        "a stored digest": one(target.service, "select encode(secret_hash, 'hex') from app.sessions limit 1"),
        "a token of another service with our key": forge.token(key, body=forge.body(aud='"billing"')),
        "a token of another service with its key": forge.token(forge.other[0]),
    }


def test_what_is_no_bearer_token_is_none(target: Target, asker: Asker) -> None:
    """BR-133: neither another scheme, nor two headers, nor a token in another place."""
    good = target.good[0]
    invalid = asker.bearer("x.y.z")
    missing = asker.ask()
    assert (missing[0], missing[1]["code"], missing[2]) == (401, "authentication_required", 'Bearer realm="pgroster"')

    def header(value: str) -> tuple[str, str]:
        return "Authorization", value.replace("{token}", good)

    odd = {text: asker.ask(header(text)) for text in WORDS["presented"]["authorization"]}
    assert {text: answer for text, answer in odd.items() if answer not in (invalid, missing)} == {}
    for pair in (
        (good, good), (good, "x.y.z"), ("x.y.z", good), (good, ""), ("", good),
    ):  # fmt: skip
        twice = [header(f"Bearer {token}") for token in pair]
        assert asker.ask(*twice) == invalid
    for other in ("Basic YWRtaW46YWRtaW4=", ""):
        for order in ([header("Bearer {token}"), header(other)], [header(other), header("Bearer {token}")]):
            assert asker.ask(*order) == invalid
    for text in WORDS["presented"]["headers"]:
        name, _, value = text.replace("{token}", good).partition(": ")
        assert asker.ask((name, value)) == missing, text
    for query in WORDS["presented"]["queries"]:
        assert asker.ask(path=f"{PATH}?{query.replace('{token}', good)}") == missing, query
    form = ("Content-Type", "application/x-www-form-urlencoded")
    for path, body in ((PATH + "/password", f"access_token={good}"), (PATH + "/delete", f"token={good}")):
        assert asker.ask(form, path=path, body=body.encode()) == missing
    assert asker.bearer(good)[0] == 200


def test_a_token_with_bytes_that_no_header_has_is_refused_by_the_server(target: Target) -> None:
    parts = urlsplit(target.service.base_url)
    for number, odd in enumerate(
        ("\r\n {token}", "{1}\r\n .{2}.{3}", "{1}\x00.{2}.{3}", "{token}\x00", "\x0b{token}", "{1}.\n{2}.{3}")
    ):
        with socket.create_connection((parts.hostname, parts.port or 0), 60) as connection:
            line = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
            connection.sendall(line.encode() + filled(odd, target.good[0]).encode() + b"\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 401"), (number, answer)
