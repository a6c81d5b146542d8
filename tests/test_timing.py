"""No answer and no clock tells who has an account: equal answers, in times whose medians do not differ.

Each kind of request takes its turn in each round, in an order drawn anew, so that whatever else the machine does meets
all of them alike. A machine that was disturbed gets another try; a difference that is there stays.
"""

import gc
import itertools
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import bcrypt
import httpx
import pytest

from tests.databases import TestDatabase
from tests.people import PASSWORD, WRONG_PASSWORD, Person, client_of, member
from tests.server import Service, serving
from tests.test_lockout import guess, looks

SAMPLES = 300
TRIES = 3
SECONDS = 0.005
SHARE = 0.03
WARM_UP = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
Ask = Callable[[], httpx.Response]
_numbers = itertools.count(1)


@pytest.fixture
def quiet(database: TestDatabase, tmp_path: Path) -> Iterator[Service]:
    """A service that locks nobody, so that what is measured does not change while it is measured."""
    database.admin.execute(
        "update app.settings set lock_after_failures = 1000000, lock_everywhere_after_failures = 1000000"
    )
    with serving(database, tmp_path, PGROSTER_LOG_LEVEL="warning") as service:
        yield service


def people_of_every_kind(service: Service) -> dict[str, Person]:
    """One account for each reason why somebody is not let in."""
    kinds = ("wrong", "locked", "suspended", "deleted", "unverified")
    people = {kind: member(service, kind) for kind in kinds}
    ids = {kind: [person.id] for kind, person in people.items()}
    database = service.database
    database.execute("update app.users set is_email_verified = true, status = 'active' where username !~ 'unverified'")
    database.execute("update app.users set locked_until = now() + interval '1 day' where id = %s", ids["locked"])
    database.execute("delete from app.login_sources where user_id = %s", ids["locked"])
    database.execute("update app.users set status = 'suspended', suspended_at = now() where id = %s", ids["suspended"])
    database.execute("update app.users set status = 'deleted', deleted_at = now() where id = %s", ids["deleted"])
    database.execute("update app.settings set login_needs_verified_email = true")
    return people


def equal_in_time(kinds: dict[str, Ask]) -> str | None:
    """None, or which medians differ by how much, after as many tries as a disturbed machine is given."""
    complaint = None
    for _ in range(TRIES):
        medians = measured(kinds)
        slowest, fastest = max(medians, key=medians.__getitem__), min(medians, key=medians.__getitem__)
        gap = medians[slowest] - medians[fastest]
        told = ", ".join(f"{kind} {seconds * 1000:.2f}" for kind, seconds in sorted(medians.items()))
        print(f"median milliseconds: {told}")
        if gap < max(SECONDS, SHARE * medians[slowest]):
            return None
        complaint = f"{slowest} takes {gap * 1000:.2f} ms more than {fastest}: {told}"
    return complaint


def measured(kinds: dict[str, Ask]) -> dict[str, float]:
    """The median of the samples of each kind, in seconds."""
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    turns = list(kinds.items())
    for _ in range(SAMPLES + WARM_UP):
        random.shuffle(turns)
        for kind, ask in turns:
            gc.disable()
            started = perf_counter()
            ask()
            taken[kind].append(perf_counter() - started)
            gc.enable()
    return {kind: median(times[WARM_UP:]) for kind, times in taken.items()}


def equal_answers(kinds: dict[str, Ask]) -> None:
    """Fail where somebody outside can tell two kinds apart by status, body or headers."""
    seen = {kind: looks(ask()) for kind, ask in kinds.items()}
    expected = next(iter(seen.values()))
    assert {kind: answer for kind, answer in seen.items() if answer != expected} == {}


def logins(service: Service, people: dict[str, Person]) -> dict[str, Ask]:
    """A login of each kind: by address and by name, and with the right password where that is refused as well."""
    client = client_of(service)
    kinds: dict[str, Ask] = {
        "unknown address": partial(guess, client, "nobody@example.com", WRONG_PASSWORD),
        "unknown name": partial(guess, client, "nobody", WRONG_PASSWORD),
    }
    for kind, person in people.items():
        kinds[kind] = partial(guess, client, person.email, WRONG_PASSWORD)
        if kind != "wrong":
            kinds[f"{kind}, right password"] = partial(guess, client, person.username, PASSWORD)
    return kinds


def test_a_refused_login_takes_the_same_time_whoever_it_is(quiet: Service) -> None:
    """BR-408"""
    kinds = logins(quiet, people_of_every_kind(quiet))
    equal_answers(kinds)
    assert equal_in_time(kinds) is None


def test_a_refused_login_takes_the_same_time_where_hashes_came_from_elsewhere(quiet: Service) -> None:
    """BR-027: with bcrypt, which takes ten times as long."""
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()
    people = people_of_every_kind(quiet)
    quiet.database.execute("update app.users set password_hash = %s", [stored])
    kinds = logins(quiet, {"wrong": people["wrong"]})
    del kinds["unknown name"]
    equal_answers(kinds)
    assert equal_in_time(kinds) is None


@pytest.mark.parametrize("path", ["/v1/auth/password/forgot", "/v1/auth/email/verification"])
def test_to_ask_for_a_mail_takes_the_same_time_whoever_it_is(quiet: Service, path: str) -> None:
    """BR-112, BR-048"""
    client = client_of(quiet)

    def asking(email: str) -> Ask:
        return lambda: client.post(path, json={"email": email})

    people = people_of_every_kind(quiet)
    kinds = {kind: asking(people[kind].email) for kind in ("wrong", "unverified", "suspended")}
    kinds["unknown"] = asking("nobody@example.com")
    equal_answers(kinds)
    assert equal_in_time(kinds) is None


def test_a_private_registration_takes_the_same_time_whether_or_not_the_address_is_taken(quiet: Service) -> None:
    """BR-017, BR-048"""
    client, ann = client_of(quiet), member(quiet)
    quiet.database.execute("update app.settings set registration = 'private'")

    def registering(email: str | None, username: str | None) -> Ask:
        def ask() -> httpx.Response:
            number = next(_numbers)
            body = {
                "email": email or f"new{number}@example.com",
                "username": username or f"new{number}",
                "password": PASSWORD,
                "gdpr_consent": True,
            }
            return client.post("/v1/auth/register", json=body)

        return ask

    kinds = {
        "free": registering(None, None),
        "taken address": registering(ann.email, None),
        "taken name": registering(None, ann.username),
    }
    equal_answers(kinds)
    assert equal_in_time(kinds) is None
