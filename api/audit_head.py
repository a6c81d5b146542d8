"""The head of the audit log's chain as a signed document, to be kept where the database's superuser cannot reach.

Signed with Ed25519 (RFC 8032) by a key of its own in `keys/audit`, over the document without its signature as JSON with
sorted keys and no spaces.
"""

import json
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from api import audit_chain, keys
from api.private_files import make_private, write_secret
from api.settings import OperatorError, Settings

FORMAT = "pgroster audit head 1"
NOTHING_SEALED = "nothing is sealed yet; the service seals by itself, or run: pgroster psql -c 'select seal_audit()'"


@dataclass(frozen=True)
class Seal:
    """A seal as a head remembers it."""

    number: int
    digest: str


def signing_keys(settings: Settings) -> list[keys.Key]:
    """The keys for heads, the newest last; the first one is made when there is none. Raises OperatorError."""
    directory = settings.var / "keys" / "audit"
    try:
        make_private(directory)
        if not any(directory.glob("*.pem")):
            private = Ed25519PrivateKey.generate()
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_secret(directory / f"{keys.of_private(private).kid}.pem", pem)
        return [_key(path) for path in sorted(directory.glob("*.pem"), key=lambda path: path.stat().st_mtime_ns)]
    except OSError as error:
        raise OperatorError(f"{error.filename or directory}: {error.strerror}; run as the owner of the keys") from None


def _key(path: Path) -> keys.Key:
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise OperatorError(f"{path} is open to other accounts; run: chmod 600 {path}")
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise OperatorError(f"{path} is no Ed25519 private key; move it away")
    return keys.of_private(private)


def sign(connection: psycopg.Connection, settings: Settings, number: int | None) -> dict[str, Any]:
    """A seal, the newest without a number, as a signed document. Raises OperatorError."""
    seal = audit_chain.seal(connection, number)
    if seal is None:
        raise OperatorError(NOTHING_SEALED if number is None else f"there is no seal {number}")
    if seal["found"] != seal["digest"]:
        raise OperatorError(f"seal {seal['number']} does not fit its digest; run: pgroster audit verify")
    key = signing_keys(settings)[-1]
    document = {
        "format": FORMAT,
        "database": connection.info.dbname,
        "seal": seal["number"],
        "digest": seal["digest"].hex(),
        "sealed_at": seal["sealed_at"].astimezone(UTC).isoformat(),
        "system_identifier": str(seal["system_identifier"]),
        "key": key.jwk["x"],
        "key_id": key.kid,
        "signed_at": datetime.now(UTC).isoformat(),
    }
    assert isinstance(key.private, Ed25519PrivateKey)  # noqa: S101 - _key() lets no other in
    signature = key.private.sign(_canonical(document))
    return document | {"signature": urlsafe_b64encode(signature).rstrip(b"=").decode()}


def read(path: Path, settings: Settings, trusted: str | None) -> Seal:
    """What a head says that somebody trusted has signed: this machine, or the key with that id.

    Raises OperatorError for a file that cannot be read, is no head, was changed, or was signed by somebody else.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise OperatorError(f"{path} is no head of an audit log; make one with: pgroster audit head")
    key_id = _verified(path, document)
    accepted = {trusted} if trusted else {key.kid for key in signing_keys(settings)}
    if key_id not in accepted:
        advice = "--key takes the id of the key that you trust" if trusted is None else f"not by {trusted}"
        raise OperatorError(f"{path} was signed by the key {key_id}; {advice}")
    return Seal(int(document["seal"]), str(document["digest"]))


def _verified(path: Path, document: dict[str, Any]) -> str:
    """The id of the key that signed a document, computed from the key itself."""
    signed = {name: value for name, value in document.items() if name != "signature"}
    try:
        public = Ed25519PublicKey.from_public_bytes(_decoded(document["key"]))
        public.verify(_decoded(document["signature"]), _canonical(signed))
    except (KeyError, TypeError, ValueError, InvalidSignature):
        raise OperatorError(f"{path} does not fit its signature; it was changed after it was signed") from None
    members = _canonical({"crv": "Ed25519", "kty": "OKP", "x": document["key"]})
    return urlsafe_b64encode(sha256(members).digest()).rstrip(b"=").decode()  # RFC 7638, like the names of all keys


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
