"""One-time codes as the RFCs have them, what an app is told, and the secrets' seal."""

import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote

import pyotp
import pytest

from api import sealing, totp
from api.sealing import Sealer, SealError
from api.settings import OperatorError

SECRET = b"12345678901234567890"
"""The secret of RFC 4226, appendix D, and of RFC 6238, appendix B."""
COUNTERS = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
TIMES = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.mark.parametrize(("counter", "code"), list(enumerate(COUNTERS)))
def test_codes_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert totp.code_at(SECRET, counter) == code


@pytest.mark.parametrize(("seconds", "code"), list(TIMES.items()))
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, seconds // totp.PERIOD, digits=8) == code


def test_a_code_belongs_to_the_first_step_that_it_fits_or_to_none() -> None:
    assert totp.step_of(SECRET, COUNTERS[3], [4, 3, 2]) == 3
    assert totp.step_of(SECRET, COUNTERS[3], [4, 5]) == totp.NO_STEP
    assert totp.step_of(SECRET, COUNTERS[0], []) == totp.NO_STEP


def test_an_app_reads_from_the_uri_what_it_needs() -> None:
    shown = totp.enrolment(SECRET, {"issuer": "Heron & Söhne", "account": "ann+x@example.org"})
    app = pyotp.parse_uri(shown["provisioning_uri"])
    assert isinstance(app, pyotp.TOTP)
    assert (app.issuer, app.name, app.byte_secret()) == ("Heron & Söhne", "ann+x@example.org", SECRET)
    assert app.at(59) == totp.code_at(SECRET, 1)
    assert pyotp.TOTP(shown["secret"]).at(59) == totp.code_at(SECRET, 1)
    kind, _, picture = shown["qr_code"].partition(",")
    assert kind.startswith("data:image/svg+xml")
    assert ElementTree.fromstring(unquote(picture)).tag.endswith("svg")  # noqa: S314 - our own picture


def test_secrets_are_long_and_random() -> None:
    made = {totp.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {20}


def test_a_sealed_secret_opens_again_and_shows_nothing(tmp_path: Path) -> None:
    """BR-141"""
    sealer = Sealer(tmp_path / "sealing")
    first, second = sealer.seal(SECRET), sealer.seal(SECRET)
    assert first != second, "nobody sees that two are the same"
    assert sealer.open(first) == sealer.open(second) == SECRET
    assert Sealer(tmp_path / "sealing").open(first) == SECRET, "after a restart, and in another worker"


def test_what_was_altered_or_sealed_elsewhere_does_not_open(tmp_path: Path) -> None:
    sealer, other = Sealer(tmp_path / "sealing"), Sealer(tmp_path / "other")
    name, _, text = sealer.seal(SECRET).partition(".")
    for position in (0, 20, len(text) - 2):
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        with pytest.raises(SealError, match="altered"):
            sealer.open(f"{name}.{changed}")
    with pytest.raises(SealError, match=f"the sealing key {name} is not in"):
        other.open(f"{name}.{text}")


def test_a_new_key_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    running = Sealer(tmp_path / "sealing")
    old = running.seal(SECRET)
    sealing.add_key(tmp_path / "sealing")
    restarted = Sealer(tmp_path / "sealing")
    new = restarted.seal(SECRET)
    assert new.partition(".")[0] != old.partition(".")[0]
    assert restarted.open(old) == SECRET
    assert [path.stem for path in restarted.outdated()] == [old.partition(".")[0]]
    assert running.open(new) == SECRET, "a worker that has not been restarted reads the key when it meets it"
    assert running.seal(SECRET).partition(".")[0] == new.partition(".")[0], "and seals with it"


def test_sealing_keys_are_for_the_service_alone(tmp_path: Path) -> None:
    directory = tmp_path / "secrets" / "sealing"
    Sealer(directory)
    (path,) = directory.glob("*.key")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (directory.parent, directory, path)] == [0o700, 0o700, 0o600]
    path.chmod(0o640)
    with pytest.raises(OperatorError, match="chmod 600"):
        Sealer(directory)
    path.chmod(0o600)
    path.rename(directory / "0123456789abcdef.key")
    with pytest.raises(OperatorError, match="named after"):
        Sealer(directory)


def test_the_directories_above_a_key_are_closed_to_others_too(tmp_path: Path) -> None:
    Sealer(tmp_path / "var" / "secrets" / "sealing").seal(b"secret")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "var").rglob("*")} == {0}
