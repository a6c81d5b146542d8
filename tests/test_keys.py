"""Signing keys: made once, named after themselves, and kept to the account that runs the service."""

import base64
import stat
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api import ROOT, keys
from api.keyring import Keyring
from api.settings import OperatorError
from api.tokens import Tokens
from tests.databases import TestDatabase
from tests.test_tokens import AUDIENCE, CLAIMS, ISSUER

EC = keys.of_private(generate_private_key(SECP256R1()))
OTHER = keys.of_private(Ed25519PrivateKey.generate())


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "keys"
    made = Keyring(directory).keys
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()] == [0o600] * 2, "the key and the lock"
    assert Keyring(directory).keys == made
    key = made.signing(time.time())
    assert made.jwks(time.time()) == {"keys": [key.jwk]}
    assert key.jwk.keys() == {"kty", "crv", "x", "kid", "alg", "use"}, "nothing private"


def test_workers_that_start_together_share_one_key(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from api.keyring import Keyring;"
        "print(Keyring(pathlib.Path(sys.argv[1])).keys.in_order[0].kid)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "keys")]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(8)]
    kids = {worker.communicate(timeout=60)[0] for worker in workers}
    assert len(kids) == 1
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "keys"
    path = directory / f"{Keyring(directory).keys.in_order[0].kid}.pem"
    path.chmod(mode)
    with pytest.raises(OperatorError, match="chmod 600"):
        Keyring(directory)
    path.chmod(0o600)
    directory.chmod(0o700 | mode & 0o077)
    with pytest.raises(OperatorError, match="chmod 700"):
        Keyring(directory)


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
    Keyring(directory)
    path = directory / f"{name}.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(OperatorError, match=reason):
        Keyring(directory)


def test_each_key_signs_from_its_time_and_verifies_until_the_last_of_its_tokens_has_expired() -> None:
    """BR-130"""
    first, second, third = (keys.of_private(Ed25519PrivateKey.generate(), at) for at in (0, 10_000, 20_000))
    known = keys.Keys([third, first, second])
    end = 10_000 + keys.TOKEN_SECONDS + keys.LATE_SECONDS

    def states(now: float) -> list[keys.State]:
        return [known.state(key, now) for key in (first, second, third)]

    assert states(5) == ["signing", "published", "published"]
    assert states(9_999.9) == ["signing", "published", "published"]
    assert states(10_000) == ["verifying", "signing", "published"]
    assert states(end - 0.1) == ["verifying", "signing", "published"]
    assert states(end) == ["ended", "signing", "published"]
    assert states(30_000) == ["ended", "ended", "signing"]
    assert known.verifying(first.kid, end - 0.1) is first and known.verifying(first.kid, end) is None
    assert [key["kid"] for key in known.jwks(end)["keys"]] == [second.kid, third.kid]
    assert keys.Keys([second, third]).signing(0) is second, "before every time the first one signs"


def test_tokens_of_the_old_key_are_good_while_the_new_one_signs(tmp_path: Path) -> None:
    old = keys.of_private(Ed25519PrivateKey.generate(), 0)
    token = Tokens(keys.Keys([old]), ISSUER, AUDIENCE).sign(CLAIMS)
    new = keys.of_private(EC.private, int(time.time()))
    both = Tokens(keys.Keys([old, new]), ISSUER, AUDIENCE)
    assert jwt.get_unverified_header(both.sign(CLAIMS))["alg"] == "ES256"
    assert both.verify(token).user == CLAIMS["sub"]


def test_no_access_token_lives_longer_than_its_key_is_kept(database: TestDatabase) -> None:
    """BR-130"""
    for seconds, is_allowed in ((keys.TOKEN_SECONDS, True), (keys.TOKEN_SECONDS + 1, False)):
        with nullcontext() if is_allowed else pytest.raises(psycopg.errors.CheckViolation):
            database.admin.execute("update app.settings set access_token_ttl = %s * interval '1 second'", [seconds])


def test_a_key_made_elsewhere_is_published_before_it_signs(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    ring = Keyring(directory)
    made = ring.keys.in_order[0]
    path = directory / f"{EC.kid}.pem"
    path.write_bytes(_pem(EC.private))
    path.chmod(0o600)
    known = ring.changed()
    assert known is not None
    now = time.time()
    assert [known.state(key, now) for key in known.in_order] == ["signing", "published"]
    assert known.signing(now).kid == made.kid
    assert known.signing(now + keys.PUBLISH_SECONDS).kid == EC.kid


def test_a_broken_file_keeps_the_keys_that_there_were(tmp_path: Path) -> None:
    """BR-132"""
    directory = tmp_path / "keys"
    ring = Keyring(directory)
    before = ring.keys
    assert ring.changed() is None
    path = directory / "broken.pem"
    path.write_bytes(b"Signs-From: tomorrow\n" + _pem(EC.private))
    path.chmod(0o600)
    assert ring.changed() is None
    assert ring.reasons == ["keys/broken.pem: Signs-From has to be a time like 1970-01-01T00:00:00Z"]
    assert ring.keys is before
    path.chmod(0o644)
    assert ring.changed() is None
    assert ring.reasons == ["keys/broken.pem is open to other accounts; run: chmod 600 keys/broken.pem"]
    path.unlink()
    assert ring.changed() is None, "the same keys as before"
    assert ring.reasons == []
    for file in directory.glob("*.pem"):
        file.unlink()
    assert ring.changed() is None
    assert ring.reasons == ["keys holds no key; run: pgroster keys rotate"]


def test_a_kid_is_the_thumbprint_of_rfc_8037() -> None:
    """The example of RFC 8037, appendix A."""
    private = Ed25519PrivateKey.from_private_bytes(
        base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    )
    assert keys.of_private(private).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
