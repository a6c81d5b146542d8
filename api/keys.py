"""The keys that sign access tokens: one private file each, named after the key itself.

The name is the JWK thumbprint (RFC 7638), which is also the token's `kid`. Each key knows its one
algorithm, so no token can choose another (RFC 8725, 3.1). The newest file signs, all verify.
"""

import fcntl
import json
import os
import stat
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from api.settings import OperatorError, write_secret

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_THUMBPRINT_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}


@dataclass(frozen=True, slots=True)
class Key:
    """One key pair with its one algorithm (a JWA name) and its public JWK."""

    kid: str
    algorithm: str
    private: Ed25519PrivateKey | EllipticCurvePrivateKey
    public: Ed25519PublicKey | EllipticCurvePublicKey
    jwk: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys by `kid`, and the one that signs."""

    by_kid: dict[str, Key]
    signing: Key

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517)."""
        return {"keys": [key.jwk for key in self.by_kid.values()]}


def load(directory: Path) -> Keys:
    """Read the keys in a directory, making the first one if there is none; safe for workers that start together.

    Raises OperatorError where a file or the directory is open to others, or is no key.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_open(directory, 0o700)
        with locked(directory):
            if not any(directory.glob("*.pem")):
                _store(Ed25519PrivateKey.generate(), directory)
            files = sorted(directory.glob("*.pem"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        keys = [_read(path) for path in files]
    except OSError as error:
        raise OperatorError(f"{error.filename or directory}: {error.strerror}; run as the owner of the keys") from None
    return Keys({key.kid: key for key in keys}, keys[-1])


def of_private(private: Any) -> Key:
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
    return Key(kid, algorithm, private, private.public_key(), members | {"kid": kid, "alg": algorithm, "use": "sig"})


def _store(private: Ed25519PrivateKey | EllipticCurvePrivateKey, directory: Path) -> None:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(directory / f"{of_private(private).kid}.pem", pem)


def _read(path: Path) -> Key:
    refuse_open(path, 0o600)
    try:
        key = of_private(load_pem_private_key(path.read_bytes(), password=None))
    except (ValueError, TypeError):
        raise OperatorError(f"{path} is no Ed25519 or P-256 private key; move it away") from None
    if path.stem != key.kid:
        raise OperatorError(f"{path} holds the key {key.kid}; name it {key.kid}.pem, or move it away")
    return key


def refuse_open(path: Path, wanted: int) -> None:
    """Raise OperatorError where others may read a file or a directory of keys; `wanted` is the mode to set."""
    if stat.S_IMODE(path.lstat().st_mode) & _OTHERS or path.is_symlink():
        raise OperatorError(f"{path} is open to other accounts; run: chmod {wanted:o} {path}")


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes out of a directory of keys while the block runs."""
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
