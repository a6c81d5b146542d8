"""Access tokens: written once, read strictly, and their keys kept to the account that runs the service."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api import keys
from api.tokens import REMEMBERED, TokenError, Tokens, bearer

ISSUER, AUDIENCE = "https://accounts.example.org", "pgroster"
CLAIMS = {
    "sub": "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e",
    "sid": "s3cret",
    "client_id": "pgroster",
    "roles": ["user"],
    "ttl": 900,
}
NOW = int(time.time())
ED = keys.of_private(Ed25519PrivateKey.generate(), NOW)
EC = keys.of_private(generate_private_key(SECP256R1()), NOW)
OTHER = keys.of_private(Ed25519PrivateKey.generate(), NOW)
BOTH = keys.Keys([ED, EC])

Object = dict[str, Any]


def encode(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header(**changes: Any) -> Object:
    """A good header, changed; None removes a member."""
    return {k: v for k, v in ({"alg": "EdDSA", "kid": ED.kid, "typ": "at+jwt"} | changes).items() if v is not None}


def payload(**changes: Any) -> Object:
    """Good claims, changed; None removes one."""
    now = int(time.time())
    good = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": CLAIMS["sub"], "client_id": "pgroster", "sid": "s3cret", "jti": "1",
        "iat": now, "nbf": now, "exp": now + 900, "roles": ["user"],
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(head: Object | bytes, body: Object | bytes, sign: Callable[[bytes], bytes] = ED.private.sign) -> str:  # type: ignore[assignment]
    """A token with exactly these parts, signed."""
    first, second = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, body))
    message = f"{encode(first)}.{encode(second)}"
    return f"{message}.{encode(sign(message.encode()))}"


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    """Signs the way HS256 does."""
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


def public_pem() -> bytes:
    """The public key as everybody can have it."""
    return ED.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def raw(text: str) -> bytes:
    """JSON written by hand: {now} stands for the time."""
    return text.replace("{now}", str(int(time.time()))).replace("{exp}", str(int(time.time()) + 900)).encode()


GOOD_TEXT = json.dumps(payload())[1:-1]
HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no segments": lambda: "token",
    "two segments": lambda: signed(header(), payload()).rpartition(".")[0],
    "four segments": lambda: signed(header(), payload()) + ".x",
    "five segments, as an encrypted one": lambda: "a.b.c.d.e",
    "empty signature": lambda: signed(header(), payload()).rpartition(".")[0] + ".",
    "another signature": lambda: signed(header(), payload(), lambda m: ED.private.sign(m + b"x")),  # type: ignore[call-arg]
    "another key's signature": lambda: signed(header(), payload(), OTHER.private.sign),  # type: ignore[arg-type]
    "unknown kid": lambda: signed(header(kid=OTHER.kid), payload(), OTHER.private.sign),  # type: ignore[arg-type]
    "no kid": lambda: signed(header(kid=None), payload()),
    "kid of another type": lambda: signed(header(kid=[ED.kid]), payload()),
    "kid that is a path": lambda: signed(header(kid="../../dev/null"), payload(), hmac_with(b"")),
    "kid of another algorithm's key": lambda: signed(header(kid=EC.kid), payload()),
    "alg none": lambda: signed(header(alg="none"), payload(), lambda _: b""),
    "alg None in capitals": lambda: signed(header(alg="NONE"), payload(), lambda _: b""),
    "alg none with a signature": lambda: signed(header(alg="none"), payload()),
    "no alg": lambda: signed(header(alg=None), payload()),
    "alg of another type": lambda: signed(header(alg=["EdDSA"]), payload()),
    "alg in other case": lambda: signed(header(alg="eddsa"), payload()),
    "alg HS256 with the public key as secret": lambda: signed(header(alg="HS256"), payload(), hmac_with(public_pem())),
    "alg HS256 with the JWK as secret": lambda: signed(
        header(alg="HS256"), payload(), hmac_with(json.dumps(ED.jwk).encode())
    ),
    "alg ES256 for an Ed25519 key": lambda: signed(header(alg="ES256"), payload()),
    "alg Ed25519, a later name": lambda: signed(header(alg="Ed25519"), payload()),
    "typ JWT": lambda: signed(header(typ="JWT"), payload()),
    "typ of an ID token": lambda: signed(header(typ="id+jwt"), payload()),
    "typ in capitals": lambda: signed(header(typ="AT+JWT"), payload()),
    "typ with its full media type": lambda: signed(header(typ="application/at+jwt"), payload()),
    "no typ": lambda: signed(header(typ=None), payload()),
    "jku": lambda: signed(header(jku="https://evil.example/jwks.json"), payload()),
    "jwk": lambda: signed(header(kid=OTHER.kid, jwk=OTHER.jwk), payload(), OTHER.private.sign),  # type: ignore[arg-type]
    "jwk with a known kid": lambda: signed(header(jwk=OTHER.jwk), payload(), OTHER.private.sign),  # type: ignore[arg-type]
    "x5u": lambda: signed(header(x5u="https://evil.example/cert"), payload()),
    "x5c": lambda: signed(header(x5c=["MII"]), payload()),
    "crit": lambda: signed(header(crit=["exp"]), payload()),
    "crit with b64": lambda: signed(header(crit=["b64"], b64=False), payload()),
    "b64 false": lambda: signed(header(b64=False), payload()),
    "zip": lambda: signed(header(zip="DEF"), payload()),
    "cty JWT": lambda: signed(header(cty="JWT"), payload()),
    "header is a list": lambda: signed(b"[]", payload()),
    "header is no JSON": lambda: signed(b"{", payload()),
    "duplicate alg": lambda: signed(raw(f'{{"alg":"none","alg":"EdDSA","kid":"{ED.kid}","typ":"at+jwt"}}'), payload()),
    "payload is a list": lambda: signed(header(), b"[]"),
    "payload is no JSON": lambda: signed(header(), b"\xff"),
    "duplicate claim": lambda: signed(header(), raw(f'{{{GOOD_TEXT},"sub":"somebody else"}}')),
    "duplicate claim, escaped": lambda: signed(header(), raw(f'{{{GOOD_TEXT},"\\u0073id":"other"}}')),
    "expired": lambda: signed(header(), payload(exp=int(time.time()) - 1)),
    "expires now": lambda: signed(header(), payload(exp=int(time.time()))),
    "exp as text": lambda: signed(header(), payload(exp=str(int(time.time()) + 900))),
    "exp as a fraction": lambda: signed(header(), payload(exp=time.time() + 900.5)),
    "exp true": lambda: signed(header(), payload(exp=True)),
    "exp negative": lambda: signed(header(), payload(exp=-1)),
    "exp beyond every date": lambda: signed(header(), payload(exp=2**64)),
    "exp infinite": lambda: signed(header(), raw(f'{{{GOOD_TEXT.replace("exp", "e")},"exp":1e999}}')),
    "exp null": lambda: signed(header(), raw(f'{{{GOOD_TEXT.replace("exp", "e")},"exp":null}}')),
    "not valid yet": lambda: signed(header(), payload(nbf=int(time.time()) + 60)),
    "issued in the future": lambda: signed(header(), payload(iat=int(time.time()) + 60)),
    "another issuer": lambda: signed(header(), payload(iss="https://evil.example")),
    "issuer with a slash": lambda: signed(header(), payload(iss=ISSUER + "/")),
    "issuer as a list": lambda: signed(header(), payload(iss=[ISSUER])),
    "another audience": lambda: signed(header(), payload(aud="other")),
    "audience as a list": lambda: signed(header(), payload(aud=[AUDIENCE])),
    "sub empty": lambda: signed(header(), payload(sub="")),
    "sub a number": lambda: signed(header(), payload(sub=1)),
    "sid an object": lambda: signed(header(), payload(sid={"a": 1})),
    "roles as text": lambda: signed(header(), payload(roles="admin")),
    "roles with a number": lambda: signed(header(), payload(roles=[1])),
    "padded": lambda: signed(header(), payload()) + "=",
    "white space inside": lambda: signed(header(), payload()).replace(".", ". ", 1),
    "line break at the end": lambda: signed(header(), payload()) + "\n",
    "standard base64": lambda: signed(header(), payload()).replace("-", "+").replace("_", "/") + "+",
    "unused bits set in the signature": lambda: tampered_bits(signed(header(), payload())),
    "full width letters": lambda: "\uff45" + signed(header(), payload())[1:],
    "lone surrogates": lambda: "\udcff" + signed(header(), payload()),
    "longer than any": lambda: signed(header(), payload(jti="x" * 5000)),
    **{f"no {claim}": lambda claim=claim: signed(header(), payload(**{claim: None})) for claim in payload()},  # type: ignore[misc]
}


def tampered_bits(token: str) -> str:
    """The same bytes in a spelling of base64 that decoders tend to accept."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def reader(known: keys.Keys = BOTH) -> Tokens:
    """Verifies tokens and remembers none yet."""
    return Tokens(known, ISSUER, AUDIENCE)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_tokens_are_refused(make: Callable[[], str]) -> None:
    with pytest.raises(TokenError):
        reader().verify(make())


@pytest.mark.parametrize("key", [ED, EC], ids=["EdDSA", "ES256"])
def test_a_token_is_signed_by_the_keys_own_algorithm_and_says_what_it_was_given(key: keys.Key) -> None:
    tokens = reader(keys.Keys([key]))
    token = tokens.sign(CLAIMS)
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == payload().keys()
    assert claims["exp"] - claims["iat"] == CLAIMS["ttl"]
    read = tokens.verify(token)
    assert (read.user, read.session) == (CLAIMS["sub"], CLAIMS["sid"])
    with pytest.raises(TokenError):
        reader(keys.Keys([OTHER])).verify(token)


def test_the_corpus_starts_from_a_token_that_is_good() -> None:
    assert len(HOSTILE) >= 40
    assert reader().verify(signed(header(), payload())).user == CLAIMS["sub"]


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
    claims = tokens.verify(signed(header(), payload()))
    for number in range(REMEMBERED + 10):
        tokens._remember(number.to_bytes(32), claims)
    assert len(tokens._known) <= REMEMBERED


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER  abc ", "abc"),
        (b"Basic abc", None),
        (b"Bearerabc", None),
        (b"Bearer", ""),
        (b"", None),
        (None, None),
    ],
)
def test_the_scheme_of_the_header_is_bearer_in_any_case(value: bytes | None, token: str | None) -> None:
    assert bearer(value) == token
