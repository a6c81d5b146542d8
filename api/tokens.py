"""Access tokens: JWTs that name a session (RFC 9068), read as strictly as they are written (RFC 8725).

A token proves only that this service issued it; whether its session lives is asked in the database at
every request. A token that has been verified is therefore remembered until it expires.
"""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

import jwt

from api.bodies import MalformedJSONError, parse
from api.keys import TOKEN_SECONDS, Key, Keys

TYPE = "at+jwt"
API_KEY = "pgr_"
"""How a bearer token begins that is an API key, which only the database can check; a JWT begins with {."""
MAX_LENGTH = 4096
"""Characters of the longest token that is looked at."""
LEEWAY = 5
"""Seconds by which the clocks of two machines that issue tokens may differ; the expiry knows no leeway."""
REMEMBERED = 10_000
"""Tokens that are remembered; each takes about 400 bytes."""
_HEADER = {"alg", "kid", "typ"}
_TEXTS = ("iss", "aud", "sub", "client_id", "sid", "jti")
_TIMES = ("iat", "nbf", "exp")
_LATEST = 2**53
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_ORDERS = {"ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551}
"""Order of the curve (FIPS 186-4, D.1.2.3): with (r, s) an ECDSA signature, (r, order - s) is another of the same."""


class TokenError(Exception):
    """The token is not one of this service's, or has expired. Says no more, to the client either."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; `session` is the session's secret, `expires_at` in seconds since 1970."""

    user: str
    session: str
    expires_at: int


class Tokens:
    """Signs and verifies for one issuer and one audience. `look_again` returns other keys where there are some now."""

    def __init__(
        self, keys: Keys, issuer: str, audience: str, look_again: Callable[[], Keys | None] = lambda: None
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self._look_again = look_again
        self._known: dict[bytes, Claims] = {}

    def take_over(self) -> None:
        """Use the keys that there are by now. Tokens of a key that has been taken away are none from then on."""
        keys = self._look_again()
        if keys is not None:
            self.keys = keys
            self._known.clear()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A new access token. `claims`: sub, sid, client_id, roles, ttl in seconds, and amr (RFC 8176)."""
        now = int(time.time())
        payload = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": claims["sub"],
            "client_id": claims["client_id"],
            "sid": claims["sid"],
            "jti": str(uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + int(claims["ttl"]),
            "roles": claims["roles"],
            "amr": claims["amr"],
        }
        key = self.keys.signing(now)
        token = jwt.encode(payload, key.private, algorithm=key.algorithm, headers={"typ": TYPE, "kid": key.kid})
        message, _, signature = token.rpartition(".")
        return f"{message}.{_encode(_lesser(_decode(signature), key))}"

    def verify(self, token: str) -> Claims:
        """What the token says. Raises TokenError."""
        fingerprint = sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._known.get(fingerprint)
        if claims is None:
            claims = self._verify(token)
            self._remember(fingerprint, claims)
        if claims.expires_at <= time.time():
            self._known.pop(fingerprint, None)
            raise TokenError
        return claims

    def _verify(self, token: str) -> Claims:
        if len(token) > MAX_LENGTH or token.count(".") != 2:
            raise TokenError
        first, second, third = token.split(".")
        header, payload = _object(first), _object(second)
        signature = _decode(third)
        key = self._find(header.get("kid"))
        # Exactly these members: jku, jwk, x5u, crit, b64 and whatever comes next have no say here.
        if key is None or header.keys() != _HEADER or header["typ"] != TYPE or header["alg"] != key.algorithm:
            raise TokenError
        if signature != _lesser(signature, key) or not _is_well_typed(payload):
            raise TokenError
        try:
            jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY,
                options={"require": [*_TEXTS, *_TIMES, "roles"], "strict_aud": True},
            )
        except jwt.PyJWTError:
            raise TokenError from None
        return Claims(payload["sub"], payload["sid"], payload["exp"])

    def _find(self, kid: Any) -> Key | None:
        if not isinstance(kid, str):
            return None
        if self.keys.find(kid) is None:
            self.take_over()  # another process may sign with a key already that this one has not heard of
        return self.keys.verifying(kid, time.time())

    def _remember(self, fingerprint: bytes, claims: Claims) -> None:
        if len(self._known) >= REMEMBERED:
            now = time.time()
            living = [(known, c) for known, c in self._known.items() if c.expires_at > now]
            self._known = dict(living[-(REMEMBERED // 2) :])
        self._known[fingerprint] = claims


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token of a request's Authorization header (RFC 6750, 2.1), or None where it has no bearer token.

    Of two such headers one may be somebody else's: they hold no token, rather than the first or the last.
    """
    values = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return "" if values else None
    scheme, _, token = values[0].partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


def _is_well_typed(payload: dict[str, Any]) -> bool:
    texts = all(isinstance(payload.get(name), str) and payload[name] for name in _TEXTS)
    times = all(type(payload.get(name)) is int and 0 < payload[name] < _LATEST for name in _TIMES)
    roles = payload.get("roles")
    if not (texts and times and isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
        return False
    # No token of ours lives longer, so that a key can be retired in time whatever it has signed.
    return bool(payload["exp"] - payload["iat"] <= TOKEN_SECONDS)


def _object(segment: str) -> dict[str, Any]:
    try:
        value = parse(_decode(segment))
    except MalformedJSONError:
        raise TokenError from None
    if not isinstance(value, dict):
        raise TokenError
    return value


def _decode(segment: str) -> bytes:
    """Bytes of a base64url segment in its one canonical form (RFC 7515, appendix C; RFC 4648, 3.5)."""
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        raise TokenError
    raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if _encode(raw) != segment:
        raise TokenError
    return raw


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _lesser(signature: bytes, key: Key) -> bytes:
    """The one of an ECDSA signature's two forms that counts here, so that nobody makes a second token out of one."""
    order = _ORDERS.get(key.algorithm)
    if order is None:
        return signature
    half = len(signature) // 2
    s = int.from_bytes(signature[half:])
    return signature if s <= order // 2 else signature[:half] + ((order - s) % order).to_bytes(32)
