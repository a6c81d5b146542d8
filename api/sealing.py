"""Secrets that the service has to read again, encrypted so that a copy of the database is worth nothing without it.

The keys are files that only this account may read, named after themselves, and never in the database. The newest file
seals, all of them open: a sealed secret names its key. AES-256-GCM with random nonces (NIST SP 800-38D, 8.2.2) is good
for four billion secrets a key.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.keys import explained, locked, refuse_open
from api.private_files import make_private, write_secret
from api.settings import OperatorError

KEY_BYTES = 32
NONCE_BYTES = 12
_PURPOSE = b"pgroster second factor"
"""Authenticated with each secret, so that it opens for nothing else."""


class SealError(Exception):
    """A sealed secret cannot be opened; the message says which key it names."""


class Sealer:
    """Seals with the newest key of a directory and opens with any; makes the first one where there is none."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys = _load(directory)

    def seal(self, secret: bytes) -> str:
        """The secret as text that only this service can open. A key that was made meanwhile seals at once."""
        self._keys = _load(self._directory)
        name = next(reversed(self._keys))
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(self._keys[name]).encrypt(nonce, secret, _PURPOSE)
        return f"{name}.{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, sealed: str) -> bytes:
        """The secret. A key that another process has made meanwhile is read first. Raises SealError."""
        name, _, text = sealed.partition(".")
        if name not in self._keys:
            self._keys = _load(self._directory)
        if name not in self._keys:
            raise SealError(f"the sealing key {name} is not in {self._directory}")
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        try:
            return AESGCM(self._keys[name]).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _PURPOSE)
        except InvalidTag:
            raise SealError(f"what was sealed with the key {name} has been altered") from None

    def outdated(self) -> list[Path]:
        """The files of all keys but the newest."""
        return [self._directory / f"{name}.key" for name in list(self._keys)[:-1]]


def add_key(directory: Path) -> str:
    """Make a key, which seals from now on; returns its name. Raises OperatorError."""
    key = secrets.token_bytes(KEY_BYTES)
    name = _name(key)
    with explained(directory):
        write_secret(directory / f"{name}.key", key.hex().encode())
    return name


def _load(directory: Path) -> dict[str, bytes]:
    """The keys by name, the newest last. Raises OperatorError where one is open to others, or is none."""
    with explained(directory):
        make_private(directory)
        refuse_open(directory, 0o700)
        with locked(directory):
            if not any(directory.glob("*.key")):
                add_key(directory)
            files = sorted(directory.glob("*.key"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return {path.stem: _read(path) for path in files}


def _read(path: Path) -> bytes:
    refuse_open(path, 0o600)
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or path.stem != _name(key):
        raise OperatorError(f"{path} is no sealing key, or not the one that it is named after; move it away")
    return key


def _name(key: bytes) -> str:
    return sha256(b"name of a sealing key" + key).hexdigest()[:16]
