"""Access tokens: written once, read strictly, and their keys kept to the account that runs the service."""

import time

import jwt
import pytest

from api import keys
from api.tokens import REMEMBERED, TokenError, Tokens, bearer
from tests.hostile_tokens import decode

ISSUER, AUDIENCE = "https://accounts.example.org", "pgroster"
CLAIMS = {
    "amr": ["pwd"],
    "sub": "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e",
    "sid": "s3cret",
    "client_id": "pgroster",
    "roles": ["user"],
    "ttl": 900,
}
NOW = int(time.time())
ED, EC, OTHER = (keys.new(algorithm, NOW) for algorithm in ("EdDSA", "ES256", "EdDSA"))
BOTH = keys.Keys([ED, EC])


def reader(known: keys.Keys = BOTH) -> Tokens:
    """Verifies tokens and remembers none yet."""
    return Tokens(known, ISSUER, AUDIENCE)


@pytest.mark.parametrize("key", [ED, EC], ids=["EdDSA", "ES256"])
def test_a_token_is_signed_by_the_keys_own_algorithm_and_says_what_it_was_given(key: keys.Key) -> None:
    tokens = reader(keys.Keys([key]))
    token = tokens.sign(CLAIMS)
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "sid", "jti", "iat", "nbf", "exp", "roles", "amr"}
    assert claims["exp"] - claims["iat"] == CLAIMS["ttl"]
    read = tokens.verify(token)
    assert (read.user, read.session) == (CLAIMS["sub"], CLAIMS["sid"])
    with pytest.raises(TokenError):
        reader(keys.Keys([OTHER])).verify(token)


def test_a_remembered_token_is_forgotten_when_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = reader()
    token = tokens.sign(CLAIMS)
    tokens.verify(token)
    monkeypatch.setattr(jwt, "decode", lambda *_, **__: pytest.fail("a remembered token is verified again"))
    assert tokens.verify(token).user == CLAIMS["sub"]
    later = time.time() + CLAIMS["ttl"]  # type: ignore[operator]
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(TokenError):
        tokens.verify(token)


def test_the_memory_of_verified_tokens_is_bounded() -> None:
    tokens = reader()
    claims = tokens.verify(tokens.sign(CLAIMS))
    for number in range(REMEMBERED + 10):
        tokens._remember(number.to_bytes(32), claims)
    assert len(tokens._known) <= REMEMBERED


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([b"Bearer abc"], "abc"),
        ([b"bearer abc"], "abc"),
        ([b"BEARER  abc "], "abc"),
        ([b"Basic abc"], None),
        ([b"Bearerabc"], None),
        ([b"Bearer"], ""),
        ([b""], None),
        ([], None),
        ([b"Bearer abc", b"Bearer abc"], ""),
        ([b"Basic abc", b"Bearer abc"], ""),
    ],
)
def test_the_scheme_of_the_only_header_is_bearer_in_any_case(values: list[bytes], token: str | None) -> None:
    headers = [(b"host", b"x"), *((b"authorization", value) for value in values)]
    assert bearer(headers) == token


def test_a_signature_has_the_lesser_of_its_two_forms() -> None:
    tokens = reader(keys.Keys([EC]))
    for _ in range(20):
        token = tokens.sign(CLAIMS)
        assert decode(token.rpartition(".")[2])[32] < 0x80
        assert tokens.verify(token).user == CLAIMS["sub"]
