"""`pgroster keys`: a new signing key before the old one goes, and an old one away when nobody needs it any more.

Servers that run take the files over by themselves. A new key is published at once and signs after a
while, so that those who verify tokens elsewhere have it by then (RFC 7517 leaves the manner to us;
OpenID Connect Core 10.1.1 describes this one).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from api import keys, screens, settings
from api.keys import Key, Keys, State, time_text
from api.settings import OperatorError


@dataclass(frozen=True)
class KeyInfo:
    """One key as `pgroster keys list` shows it; `needed_until`: when the last of its tokens will have expired."""

    kid: str
    algorithm: str
    state: State
    signs_from: str
    needed_until: str | None


def describe(known: Keys, now: float) -> list[KeyInfo]:
    """All keys in the order in which they sign."""
    shown = []
    for key in known.in_order:
        until = known.needed_until(key)
        shown.append(
            KeyInfo(
                key.kid,
                key.algorithm,
                known.state(key, now),
                time_text(key.signs_from),
                time_text(until) if until is not None else None,
            )
        )
    return shown


def rotate(directory: Path, algorithm: str, delay: int) -> Key:
    """Make a key that signs in `delay` seconds, or at once where it is the first.

    Raises OperatorError where another one is on its way already, unless this one is to sign before it.
    """
    if not any(directory.glob("*.pem")):
        keys.prepare(directory, algorithm)
        return keys.read(directory).in_order[0]
    with _changing(directory) as known:
        now = int(time.time())
        coming = known.in_order[-1]
        if coming.signs_from > now and now + delay >= coming.signs_from:
            raise OperatorError(
                f"{coming.kid} is on its way already and signs from {time_text(coming.signs_from)}; "
                f"for a key at once: pgroster keys rotate --now"
            )
        made = keys.new(algorithm, now + delay)
        keys.store(made, directory)
        return made


def retire(directory: Path, kid: str | None, is_forced: bool) -> list[str]:
    """Delete a key, or all that have ended, and return their names.

    Raises OperatorError where tokens of it may live, unless forced to let them die, and for the key that signs.
    """
    with _changing(directory) as known:
        now = time.time()
        if kid is None:
            gone = [key for key in known.in_order if known.state(key, now) == "ended"]
        else:
            gone = [_retirable(known, kid, now, is_forced)]
        for key in gone:
            (directory / f"{key.kid}.pem").unlink()
        return [key.kid for key in gone]


def _retirable(known: Keys, kid: str, now: float, is_forced: bool) -> Key:
    key = known.find(kid)
    if key is None:
        raise OperatorError(f"there is no key {kid}; pgroster keys list names them")
    state, until = known.state(key, now), known.needed_until(key)
    if state == "signing":
        raise OperatorError(f"{kid} signs; let another one sign first: pgroster keys rotate, or rotate --now")
    if state == "verifying" and until is not None and not is_forced:
        raise OperatorError(
            f"tokens of {kid} may be valid until {time_text(until)}; wait, or end them all with --force"
        )
    return key


@contextmanager
def _changing(directory: Path) -> Iterator[Keys]:
    """The keys, while nobody else changes them."""
    with keys.explained(directory):
        if not directory.exists():
            raise OperatorError(f"{directory} does not exist yet; the first key is made by: pgroster keys rotate")
        keys.refuse_open(directory, 0o700)
        owner = directory.stat().st_uid
        if owner != os.geteuid():
            raise OperatorError(
                f"{directory} belongs to account {owner}, whose service could not read the key; run as it"
            )
        with keys.locked(directory):
            yield keys.read(directory)


@click.group("keys")
def keys_commands() -> None:
    """Change the keys that sign access tokens."""


_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def _directory() -> Path:
    return settings.load().var / "keys"


@keys_commands.command("list")
@_as_json
def list_command(as_json: bool) -> None:
    """List the keys and what each does.

    And from when it signs, until when its tokens may be valid.
    """
    shown = describe(keys.read(_directory()), time.time())
    if as_json:
        screens.show_json([asdict(each) for each in shown])
        return
    rows = [(each.kid, each.algorithm, each.state, each.signs_from, each.needed_until or "") for each in shown]
    screens.show_table(("key", "algorithm", "state", "signs from", "needed until"), rows)


@keys_commands.command("rotate")
@click.option(
    "--algorithm",
    type=click.Choice(list(keys.ALGORITHMS)),
    default="EdDSA",
    show_default=True,
    help="What it signs with.",
)
@click.option(
    "--delay",
    type=click.IntRange(0, 30 * 86400),
    default=keys.PUBLISH_SECONDS,
    show_default=True,
    help="Seconds for which it is published before it signs.",
)
@click.option(
    "--now", "is_urgent", is_flag=True, help="Let it sign at once; who verifies elsewhere may not know it yet."
)
@_as_json
def rotate_command(algorithm: str, delay: int, is_urgent: bool, as_json: bool) -> None:
    """Make a new key.

    Running servers publish it, and sign with it when its time has come.
    """
    key = rotate(_directory(), algorithm, 0 if is_urgent else delay)
    if as_json:
        screens.show_json({"kid": key.kid, "algorithm": key.algorithm, "signs_from": time_text(key.signs_from)})
    else:
        click.echo(f"{key.kid} ({key.algorithm}) signs from {time_text(key.signs_from)}")


@keys_commands.command("retire")
@click.argument("kid", required=False)
@click.option("--force", "is_forced", is_flag=True, help="Also while its tokens may be valid: all of them end.")
@_as_json
def retire_command(kid: str | None, is_forced: bool, as_json: bool) -> None:
    """Delete keys that are not needed any more.

    The key KID, or without one every key whose tokens have all expired.
    """
    gone = retire(_directory(), kid, is_forced)
    if as_json:
        screens.show_json({"retired": gone})
    else:
        click.echo(f"retired {', '.join(gone)}" if gone else "every key is still needed")
