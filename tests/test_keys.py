"""Signing keys: made once, named after themselves, and kept to the account that runs the service."""

import base64
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api import ROOT, keys
from api.settings import OperatorError
from api.tokens import Tokens
from tests.test_tokens import AUDIENCE, CLAIMS, ISSUER

EC = keys.of_private(generate_private_key(SECP256R1()))
OTHER = keys.of_private(Ed25519PrivateKey.generate())


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "keys"
    made = keys.load(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()] == [0o600] * 2, "the key and the lock"
    again = keys.load(directory)
    assert again.signing.kid == made.signing.kid
    assert made.jwks() == {"keys": [made.signing.jwk]}
    assert made.signing.jwk.keys() == {"kty", "crv", "x", "kid", "alg", "use"}, "nothing private"


def test_workers_that_start_together_share_one_key(tmp_path: Path) -> None:
    program = "import pathlib, sys; from api import keys; print(keys.load(pathlib.Path(sys.argv[1])).signing.kid)"
    command = [sys.executable, "-c", program, str(tmp_path / "keys")]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(8)]
    kids = {worker.communicate(timeout=60)[0] for worker in workers}
    assert len(kids) == 1
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "keys"
    path = directory / f"{keys.load(directory).signing.kid}.pem"
    path.chmod(mode)
    with pytest.raises(OperatorError, match="chmod 600"):
        keys.load(directory)
    path.chmod(0o600)
    directory.chmod(0o700 | mode & 0o077)
    with pytest.raises(OperatorError, match="chmod 700"):
        keys.load(directory)


def _pem(private: Any) -> bytes:
    return bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x", b"no key", "no Ed25519 or P-256 private key"),
        ("x", _pem(generate_private_key(SECP384R1())), "no Ed25519 or P-256 private key"),
        ("x", _pem(OTHER.private), f"name it {OTHER.kid}.pem"),
    ],
    ids=["text", "another curve", "another name"],
)
def test_a_file_that_is_no_key_stops_the_start(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    directory = tmp_path / "keys"
    keys.load(directory)
    path = directory / f"{name}.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(OperatorError, match=reason):
        keys.load(directory)


def test_the_newest_key_signs_and_the_older_ones_still_verify(tmp_path: Path) -> None:
    old = keys.load(tmp_path)
    token = Tokens(old, ISSUER, AUDIENCE).sign(CLAIMS)
    path = tmp_path / f"{EC.kid}.pem"
    path.write_bytes(_pem(EC.private))
    path.chmod(0o600)
    os.utime(path, (time.time() + 5, time.time() + 5))
    both = keys.load(tmp_path)
    assert both.signing.algorithm == "ES256"
    assert Tokens(both, ISSUER, AUDIENCE).verify(token).user == CLAIMS["sub"]


def test_a_kid_is_the_thumbprint_of_rfc_8037() -> None:
    """The example of RFC 8037, appendix A."""
    private = Ed25519PrivateKey.from_private_bytes(
        base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    )
    assert keys.of_private(private).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
