"""Functions change under load: no request fails, and a set that makes no sense changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.people import client_of, member
from tests.server import PROXY, Service, StartService
from tests.sources import Sources, route
from tests.waiting import Load, under_load, until

CLIENTS = 3
REQUESTS_PER_CHANGE = 250
TYPE = "create type api.probe as (word text, times integer{more});\ncomment on type api.probe is 'What a probe saw.';\n"
COMMENTS = "".join(
    f"comment on column api.probe.{name} is 'Seen. (nullable)';\n" for name in ("word", "times")
)  # fmt: skip


def probe(arguments: str, result: str) -> str:
    """The route that changes."""
    return route(
        f"probe({arguments}) returns api.probe",
        f"return ({result})::api.probe;",
        "@http GET /v1/probe",
        volatility="stable",
    )


VERSIONS: dict[str, tuple[str, str, set[str]]] = {
    "a first version": (
        TYPE.format(more="") + COMMENTS,
        probe("word text default 'one'", "word, 1"),
        {"word", "times"},
    ),
    "another body": (
        TYPE.format(more="") + COMMENTS,
        probe("word text default 'one'", "upper(word), 2"),
        {"word", "times"},
    ),
    "another signature": (
        TYPE.format(more="") + COMMENTS,
        probe("word text default 'one', times integer default 3", "word, times"),
        {"word", "times"},
    ),
    "another result": (
        TYPE.format(more=", seen boolean") + COMMENTS + "comment on column api.probe.seen is 'Whether.';\n",
        probe("word text default 'one', times integer default 4", "word, times, true"),
        {"word", "times", "seen"},
    ),
    "fewer arguments and the first result": (
        TYPE.format(more="") + COMMENTS,
        probe("word text default 'five'", "word, 5"),
        {"word", "times"},
    ),
}


def expect(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> Callable[[], str | None]:
    """A request for a load, which complains of every answer but 200."""

    def ask() -> str | None:
        answer = client.get(path, headers=headers)
        return None if answer.status_code == 200 else f"{answer.status_code} {answer.text}"

    return ask


def deploy(service: Service, sources: Sources, version: str) -> None:
    """Deploy one of the versions."""
    types, function, _ = VERSIONS[version]
    sources.define_types(types)
    sources.write(function)
    sources.deploy(service.admin_dsn)


def answers(load: Load, count: int) -> Callable[[], bool]:
    """Whether so many more requests were answered since now."""
    target = load.done + count
    return lambda: load.done >= target


@pytest.mark.parametrize("workers", ["1", "2"])
def test_changing_functions_under_load_fails_no_request(
    start_service: StartService, tmp_path: Path, workers: str
) -> None:
    service = start_service(PGROSTER_WORKERS=workers, **PROXY)
    sources = Sources(tmp_path)
    deploy(service, sources, "a first version")
    until(lambda: all(client_of(service).get("/v1/probe").status_code == 200 for _ in range(8)), 10)
    ann = member(service)
    token = {"Authorization": f"Bearer {ann.token}"}
    actions = [expect(client_of(service), "/v1/probe") for _ in range(CLIENTS - 1)]
    actions += [expect(client_of(service), "/v1/probe?word=x"), expect(client_of(service), "/v1/me", token)]
    with under_load(*actions) as load:
        for version, (_, _, fields) in list(VERSIONS.items())[1:]:
            until(answers(load, REQUESTS_PER_CHANGE), 60, "requests before the change")
            deploy(service, sources, version)

            def is_served(expected: set[str] = fields, sign: str = version) -> bool:
                found = [client_of(service).get("/v1/probe").json() for _ in range(8)]
                return all(f.keys() == expected and f["times"] == list(VERSIONS).index(sign) + 1 for f in found)

            until(is_served, 15, f"{version} is served")
            until(answers(load, REQUESTS_PER_CHANGE), 60, "requests after the change")
    assert load.failures == []
    assert load.done > REQUESTS_PER_CHANGE * 2 * (len(VERSIONS) - 1)


def test_a_broken_set_of_functions_keeps_the_old_one_serving_and_says_so(service: Service, tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    deploy(service, sources, "a first version")
    client = client_of(service)
    until(lambda: client.get("/v1/probe").status_code == 200, 10)
    document = client.get("/openapi.json").json()

    function = VERSIONS["another body"][1]
    sources.write(function.replace("@http GET /v1/probe", "@http FETCH /v1/probe"))
    sources.deploy(service.admin_dsn)
    with under_load(expect(client_of(service), "/v1/probe")) as load:
        until(lambda: client.get("/health/ready").status_code == 503, 10, "readiness tells of it")
        report = client.get("/health/ready").json()
        assert report["status"] == "stale"
        assert "api.probe(text)" in report["routes"]["reasons"][0]
        until(answers(load, 100), 30)
    assert load.failures == []
    assert client.get("/openapi.json").json() == document
    assert client.get("/health/live").status_code == 200

    sources.write(function)
    sources.deploy(service.admin_dsn)
    until(lambda: client.get("/health/ready").json()["status"] == "ready", 10, "readiness heals")
    assert client.get("/v1/probe").json() == {"word": "ONE", "times": 2}


def test_a_service_does_not_start_on_a_broken_set(database: Any, start_service: StartService, tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    sources.write(route("broken(a text) returns void", "null;", "@http GET /v1/broken"))
    sources.deploy(database.admin_dsn)
    with pytest.raises(AssertionError, match=r"api\.broken\(text\)"):
        start_service()
