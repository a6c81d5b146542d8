"""The keys that sign access tokens: one private file each, named after the key itself.

The name is the JWK thumbprint (RFC 7638), which is also the token's `kid`. Each key knows its one
algorithm, so no token can choose another (RFC 8725, 3.1). What a key does follows from the times from
which the keys sign, and from nothing else, so that all who read the files decide alike: a key is
published while its file is there, signs from its time until the next one's, and verifies until the
last token that it can have signed has expired.
"""

import fcntl
import json
import os
import re
import stat
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from api.private_files import make_private, write_secret
from api.settings import OperatorError

Private = Ed25519PrivateKey | EllipticCurvePrivateKey
State = Literal["published", "signing", "verifying", "ended"]

JWKS_SECONDS = 300
"""For how long whoever verifies tokens elsewhere may keep the published keys."""
PUBLISH_SECONDS = 3600
"""For how long a new key is published before it signs, unless the operator says otherwise: many ignore JWKS_SECONDS."""
TOKEN_SECONDS = 3600
"""The longest life of an access token; the database's limit of that setting."""
LATE_SECONDS = 300
"""By how much a process may be late to take a new key over."""
ALGORITHMS: dict[str, Callable[[], Private]] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "ES256": lambda: generate_private_key(SECP256R1()),
}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_THUMBPRINT_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}
# Text before the boundary of a PEM file is not the key's (RFC 7468, 2).
_SIGNS_FROM = re.compile(rb"^Signs-From:(.*)$", re.MULTILINE)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Key:
    """One key pair with its one algorithm (a JWA name) and its public JWK; `signs_from` in seconds since 1970."""

    kid: str
    algorithm: str
    private: Private
    public: Ed25519PublicKey | EllipticCurvePublicKey
    jwk: dict[str, Any]
    signs_from: int


class Keys:
    """A set of keys, in the order in which they sign; times are seconds since 1970."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.in_order = tuple(sorted(keys, key=lambda key: (key.signs_from, key.kid)))
        self._needed_until = {
            key.kid: following.signs_from + TOKEN_SECONDS + LATE_SECONDS
            for key, following in zip(self.in_order, self.in_order[1:], strict=False)
        }
        self._by_kid = {key.kid: key for key in self.in_order}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and self._schedule() == other._schedule()

    __hash__ = None  # type: ignore[assignment]

    def _schedule(self) -> list[tuple[str, int]]:
        return [(key.kid, key.signs_from) for key in self.in_order]

    def find(self, kid: str) -> Key | None:
        """The key of that name, whatever its state."""
        return self._by_kid.get(kid)

    def signing(self, now: float) -> Key:
        """The one that signs; before the time of the first one, that is it as well."""
        return next((key for key in reversed(self.in_order) if key.signs_from <= now), self.in_order[0])

    def needed_until(self, key: Key) -> int | None:
        """When the last token that the key can have signed has expired; None while no other key follows."""
        return self._needed_until.get(key.kid)

    def state(self, key: Key, now: float) -> State:
        """What the key does now."""
        if key is self.signing(now):
            return "signing"
        if key.signs_from > now:
            return "published"
        until = self.needed_until(key)
        return "verifying" if until is None or now < until else "ended"

    def verifying(self, kid: str, now: float) -> Key | None:
        """The key of that name, unless all its tokens have expired."""
        key = self.find(kid)
        return key if key is not None and self.state(key, now) != "ended" else None

    def jwks(self, now: float) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517)."""
        return {"keys": [key.jwk for key in self.in_order if self.state(key, now) != "ended"]}


def prepare(directory: Path, algorithm: str = "EdDSA") -> None:
    """Make the directory and the first key where they are missing; safe for workers that start together."""
    with explained(directory):
        make_private(directory)
        with locked(directory):
            if not any(directory.glob("*.pem")):
                store(new(algorithm, int(datetime.now(UTC).timestamp())), directory)


def read(directory: Path) -> Keys:
    """The keys in a directory. Raises OperatorError where a file or the directory is open to others, or is no key."""
    keys = []
    with explained(directory):
        refuse_open(directory, 0o700)
        for path in sorted(directory.glob("*.pem")):
            try:
                keys.append(_read(path))
            except FileNotFoundError:  # retired a moment ago
                continue
    if not keys:
        raise OperatorError(f"{directory} holds no key; run: pgroster keys rotate")
    return Keys(keys)


def new(algorithm: str, signs_from: int) -> Key:
    """A new key. Its name can stand in a command line."""
    while (key := of_private(ALGORITHMS[algorithm](), signs_from)).kid.startswith("-"):
        pass
    return key


def of_private(private: Any, signs_from: int = 0) -> Key:
    """The key of a private key object. Raises ValueError for a kind that no token is signed with."""
    if isinstance(private, Ed25519PrivateKey):
        algorithm, jwk = "EdDSA", OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    elif isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        algorithm, jwk = "ES256", ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        raise ValueError("neither an Ed25519 nor a P-256 key")
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    kid = urlsafe_b64encode(sha256(canonical).digest()).rstrip(b"=").decode()
    published = members | {"kid": kid, "alg": algorithm, "use": "sig"}
    return Key(kid, algorithm, private, private.public_key(), published, signs_from)


def store(key: Key, directory: Path) -> None:
    """Write a key's file, whole or not at all."""
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(directory / f"{key.kid}.pem", f"Signs-From: {time_text(key.signs_from)}\n".encode() + pem)


def time_text(seconds: int) -> str:
    """A time as people and the files write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def _read(path: Path) -> Key:
    refuse_open(path, 0o600)
    content = path.read_bytes()
    try:
        key = of_private(load_pem_private_key(content, password=None), _signs_from(content, path))
    except (ValueError, TypeError):
        raise OperatorError(f"{path} is no Ed25519 or P-256 private key; move it away") from None
    if path.stem != key.kid:
        raise OperatorError(f"{path} holds the key {key.kid}; name it {key.kid}.pem, or move it away")
    return key


def _signs_from(content: bytes, path: Path) -> int:
    """When the key in a file starts to sign; one that came without a time is published first, like any other."""
    line = _SIGNS_FROM.search(content)
    if line is None:
        return int(path.stat().st_mtime) + PUBLISH_SECONDS
    text = line[1].decode("latin-1").strip()
    try:
        return int(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise OperatorError(f"{path}: Signs-From has to be a time like {time_text(0)}") from None


def refuse_open(path: Path, wanted: int) -> None:
    """Raise OperatorError where others may use a file or directory."""
    if stat.S_IMODE(path.lstat().st_mode) & _OTHERS or path.is_symlink():
        raise OperatorError(f"{path} is open to other accounts; run: chmod {wanted:o} {path}")


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Let a refusal of the system tell what to do."""
    try:
        yield
    except OSError as error:
        raise OperatorError(f"{error.filename or directory}: {error.strerror}; run as the owner of the keys") from None


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time change the keys."""
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
