"""Signing keys are replaced while the service runs: published before they sign, kept while their tokens live."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from api import keys
from api.tokens import Tokens
from tests.commands import Installation, one_line
from tests.people import Person, client_of, member
from tests.server import PROXY, Service, StartService
from tests.waiting import under_load, until

DAY = 86400
DELAY_SECONDS = 10  # until a key signs: both workers have to publish it before, also on a busy machine
ISSUED = 40


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """The command line for a VAR without keys; no command of these needs a database."""
    return Installation(tmp_path / "var")


def run(place: Installation, *arguments: str) -> Any:
    """What a command answers in JSON."""
    done = place.run("keys", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states(place: Installation) -> dict[str, str]:
    """What each key does."""
    return {key["kid"]: key["state"] for key in run(place, "list")}


def put(directory: Path, algorithm: str, age: float) -> keys.Key:
    """A key that has signed for so many seconds."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = keys.new(algorithm, int(time.time() - age))
    keys.store(key, directory)
    return key


def test_the_commands_make_list_and_retire_keys(place: Installation) -> None:
    """BR-130"""
    assert "pgroster keys rotate" in one_line(place.run("keys", "retire", "x"))
    first = run(place, "rotate", "--algorithm", "ES256")
    assert first["algorithm"] == "ES256"
    second = run(place, "rotate")
    assert states(place) == {first["kid"]: "signing", second["kid"]: "published"}
    assert "is on its way already" in one_line(place.run("keys", "rotate"))
    third = run(place, "rotate", "--now")
    assert list(states(place).items()) == [
        (first["kid"], "verifying"), (third["kid"], "signing"), (second["kid"], "published"),
    ]  # fmt: skip

    def refused(*arguments: str) -> str:
        return one_line(place.run("keys", "retire", *arguments))

    assert "may be valid until" in refused(first["kid"])
    assert "there is no key x" in refused("x")
    for force in ((), ("--force",)):
        assert "let another one sign first" in refused(third["kid"], *force)
    assert run(place, "retire") == {"retired": []}
    assert run(place, "retire", second["kid"]) == {"retired": [second["kid"]]}, "it has never signed"
    assert run(place, "retire", first["kid"], "--force") == {"retired": [first["kid"]]}
    table = place.run("keys", "list").stdout
    assert table.count("\n") == 2 and third["kid"] in table and "signing" in table


def test_a_key_whose_tokens_have_all_expired_is_retired_without_asking(place: Installation) -> None:
    directory = place.var / "keys"
    ended, verifying, signing = (put(directory, "EdDSA", age) for age in (3 * DAY, 2 * DAY, 60))
    assert states(place) == {ended.kid: "ended", verifying.kid: "verifying", signing.kid: "signing"}
    assert run(place, "retire") == {"retired": [ended.kid]}
    assert states(place) == {verifying.kid: "verifying", signing.kid: "signing"}


def test_a_rotation_in_keys_that_are_open_to_others_is_refused(place: Installation) -> None:
    put(place.var / "keys", "EdDSA", DAY)
    (place.var / "keys").chmod(0o755)
    assert "chmod 700" in one_line(place.run("keys", "rotate"))
    assert "chmod 700" in one_line(place.run("keys", "list"))


class Verifier:
    """Somebody who verifies access tokens elsewhere, by the published keys, which they fetch when they are told to."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._keys: dict[str | None, jwt.PyJWK] = {}

    def fetch(self) -> set[str | None]:
        """Get the keys anew, over a connection that may be another worker's; returns their names."""
        answer = client_of(self._service).get("/.well-known/jwks.json")
        assert answer.headers["cache-control"] == f"public, max-age={keys.JWKS_SECONDS}"
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys}
        return set(self._keys)

    def verify(self, token: str) -> None:
        """Raise where the token is not good."""
        key = self._keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, audience="pgroster", issuer=self._service.base_url)


def test_keys_change_under_load_without_a_failed_request_or_a_token_that_others_cannot_verify(
    start_service: StartService, place: Installation
) -> None:
    """BR-131"""
    ended, old = put(place.var / "keys", "EdDSA", 3 * DAY), put(place.var / "keys", "EdDSA", 2 * DAY)
    service = start_service(PGROSTER_WORKERS="2", **PROXY)
    verifier = Verifier(service)
    assert verifier.fetch() == {old.kid}, "a key that has ended is not published"
    people = [member(service) for _ in range(3)]
    first = people[0].token
    issued: list[str] = [person.token for person in people]

    def refresh(person: Person) -> str | None:
        answer = person.refresh()
        if answer.status_code != 200:
            return f"refresh: {answer.status_code} {answer.text}"
        issued.append(person.token)
        return None

    def ask(client: httpx.Client) -> str | None:
        for token in (first, issued[-1]):
            answer = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 200:
                return f"GET /v1/me: {answer.status_code} {answer.text}"
        return None

    def kids() -> set[str]:
        return {jwt.get_unverified_header(token)["kid"] for token in issued}

    def published() -> bool:
        return all(verifier.fetch() == {old.kid, new["kid"]} for _ in range(8))

    actions = [partial(refresh, person) for person in people[1:]]
    with under_load(*actions, *[partial(ask, client_of(service)) for _ in range(3)]) as load:
        new = run(place, "rotate", "--algorithm", "ES256", "--delay", str(DELAY_SECONDS))
        until(published, DELAY_SECONDS, "both workers publish the new key before it signs")
        assert kids() == {old.kid}
        assert run(place, "retire") == {"retired": [ended.kid]}
        until(lambda: new["kid"] in kids(), 60, "the new key signs")
        assert "may be valid until" in one_line(place.run("keys", "retire", old.kid))
        count = len(issued)
        until(lambda: len(issued) > count + ISSUED, 60, "tokens of the new key")
    assert load.failures == []
    assert kids() == {old.kid, new["kid"]}
    assert {jwt.get_unverified_header(token)["kid"] for token in issued[-ISSUED // 2 :]} == {new["kid"]}
    for token in issued:
        verifier.verify(token)

    assert people[0].get("/v1/me").status_code == 200
    assert run(place, "retire", old.kid, "--force") == {"retired": [old.kid]}

    def statuses() -> set[int]:
        headers = {"Authorization": f"Bearer {first}"}
        return {client_of(service).get("/v1/me", headers=headers).status_code for _ in range(8)}

    until(lambda: statuses() == {401}, 15, "both workers have forgotten the key")
    assert people[1].get("/v1/me").status_code == 200


def test_a_key_that_signs_at_once_is_known_to_every_worker_at_its_first_token(
    start_service: StartService, place: Installation
) -> None:
    """BR-131: also to those that would not look for new keys for an hour."""
    service = start_service(PGROSTER_WORKERS="2", PGROSTER_RELOAD_POLL="3600", **PROXY)
    ann = member(service)
    new = run(place, "rotate", "--now", "--algorithm", "ES256")
    key = keys.read(place.var / "keys").find(new["kid"])
    assert key is not None
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    token = Tokens(keys.Keys([key]), service.base_url, claims["aud"]).sign(claims | {"ttl": 900})
    for _ in range(8):
        answer = client_of(service).get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text


def test_a_broken_key_file_changes_nothing_and_is_told_by_readiness(service: Service) -> None:
    """BR-132"""
    ann = member(service)
    directory = service.var / "keys"
    path = directory / "new.pem"
    path.touch(mode=0o644)
    until(lambda: service.client.get("/health/ready").status_code == 503, 15, "readiness tells of it")
    report = service.client.get("/health/ready").json()
    assert report["status"] == "stale"
    assert report["keys"]["reasons"] == ["keys/new.pem is open to other accounts; run: chmod 600 keys/new.pem"]
    assert ann.get("/v1/me").status_code == 200
    assert ann.login().status_code == 200
    path.unlink()
    until(lambda: service.client.get("/health/ready").json()["status"] == "ready", 15, "readiness heals")
    assert "keys stay as they were" in service.log.read_text()
