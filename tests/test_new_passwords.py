"""Passwords over HTTP: why a new one is refused, who tells the rules, and what hashing costs everybody else."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from argon2 import extract_parameters

from tests.databases import TestDatabase
from tests.people import Person, client_of, member, one, problem
from tests.server import PROXY, Service, StartService, serving
from tests.sources import Sources, route
from tests.waiting import together, under_load, until

RULES = """\
-- Who has a second factor may have a shorter password.
create or replace function http.probe_rules(factor text) returns http.password_rules
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (array[probe_rules.factor], case when probe_rules.factor = 'second' then 8 end)::http.password_rules;
end
$$;
comment on function http.probe_rules(text) is 'Rules of a test.';
revoke all on function http.probe_rules(text) from public;
grant execute on function http.probe_rules(text) to roster_authenticator;
"""
PROBE = route(
    "probe(factor text, password_hash app.password_hash) returns text",
    "return 'stored';",
    "@http POST /v1/probe\n@hash password into password_hash avoiding http.probe_rules(factor)",
)
FLOOD = 24


def refused(answer: httpx.Response) -> list[tuple[str, str]]:
    """The field and the reason of a refused password."""
    assert problem(answer) == (422, "password_unacceptable")
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


def test_the_answer_tells_why_a_password_is_refused(shared_service: Service) -> None:
    """BR-022"""
    ann = Person(shared_service, "magdalena")
    names = {"first_name": "Wilhelmina", "last_name": "Featherstone"}
    for password, reason in {
        "fourteen chars": "too_short",
        "x" * 129: "too_long",
        "Sunshine2024!!!!": "too_common",
        "abcabcabcabcabcabc": "too_simple",
        f"{ann.username} 1994": "resembles_account",
        ann.email.upper(): "resembles_account",
        "w1lh3lm1n4-2026": "resembles_account",
        "enotsrehtaef 7!": "resembles_account",
        "pgroster pgroster": "resembles_account",
    }.items():
        assert refused(ann.register(password=password, **names)) == [("password", reason)], password
    assert ann.register(**names).status_code == 201
    ann.login()
    change = {"current_password": ann.password, "new_password": "w1lh3lm1n4-2026"}
    assert refused(ann.post("/v1/me/password", change)) == [("new_password", "resembles_account")]


def test_a_function_tells_the_least_length_of_its_callers_password(database: TestDatabase, tmp_path: Path) -> None:
    """BR-046"""
    sources = Sources(tmp_path)
    (sources.db / "functions" / "http" / "probe_rules.sql").write_text(RULES)
    sources.write(PROBE)
    sources.deploy(database.admin_dsn)
    with serving(database, tmp_path) as service:

        def probe(factor: str, password: str) -> httpx.Response:
            return service.client.post("/v1/probe", json={"factor": factor, "password": password})

        assert probe("second", "kq7!Zr2v").status_code == 200
        assert probe("first", "kq7!Zr2v mountain").status_code == 200
        for factor, password, least in (("first", "kq7!Zr2v", 15), ("second", "kq7!Zr2", 8), ("first", "kq7!Zr2", 15)):
            answer = probe(factor, password)
            assert refused(answer) == [("password", "too_short")]
            assert f"at least {least} " in answer.json()["errors"][0]["message"]
        assert refused(probe("second", "second99")) == [("password", "resembles_account")]
        assert refused(probe("second", "dragon99")) == [("password", "too_common")]

        schemas = service.client.get("/openapi.json").json()["paths"]

        def least_of(path: str) -> Any:
            body = schemas[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            return body["properties"]["password"]["minLength"]

        assert (least_of("/v1/probe"), least_of("/v1/auth/register")) == (8, 15)


def test_a_hash_is_made_anew_at_the_next_sign_in_when_the_cost_has_risen(
    database: TestDatabase, tmp_path: Path
) -> None:
    """BR-023"""
    with serving(database, tmp_path) as service:
        ann = member(service)

    def costs() -> tuple[int, int, int]:
        made = extract_parameters(one(service, "select password_hash from app.users where id = %s", ann.id))
        return made.memory_cost, made.time_cost, made.parallelism

    assert costs() == (19456, 2, 1)
    with serving(database, tmp_path, PGROSTER_ARGON2_TIME_COST="3", PGROSTER_ARGON2_MEMORY_KIB="24576") as service:
        ann.client = client_of(service)
        assert ann.login(password="no heron was ever here").status_code == 401
        assert costs() == (19456, 2, 1), "not by a wrong password"
        assert ann.login().status_code == 200
        assert costs() == (24576, 3, 1)
        assert ann.login().status_code == 200, "the new hash is of the same password"
    with serving(database, tmp_path) as service:
        ann.client = client_of(service)
        assert ann.login().status_code == 200
        assert costs() == (24576, 3, 1), "a lower setting weakens nothing"


def test_a_flood_of_sign_ins_is_refused_in_part_and_keeps_nobody_else_waiting(
    start_service: StartService,
) -> None:
    """BR-047"""
    service = start_service(PGROSTER_HASH_CONCURRENCY="1", PGROSTER_HASH_QUEUE="2", **PROXY)
    ann, ben = member(service), member(service)
    attackers = [client_of(service) for _ in range(FLOOD)]
    body = {"identifier": ann.email, "password": "no heron was ever here"}

    def expect(client: httpx.Client, path: str, headers: dict[str, str]) -> Callable[[], str | None]:
        def ask() -> str | None:
            answer = client.get(path, headers=headers)
            return None if answer.status_code == 200 else f"{path}: {answer.status_code} {answer.text}"

        return ask

    token = {"Authorization": f"Bearer {ben.token}"}
    others = [expect(client_of(service), path, token) for path in ("/v1/me", "/v1/me", "/health/ready")]
    with under_load(*others) as load:
        for _ in range(3):
            before = load.done
            flood = [partial(client.post, "/v1/auth/login", json=body) for client in attackers]
            answers = together(*flood)
            until(lambda before=before: load.done > before + 10, 60, "the others are answered")  # type: ignore[misc]
            refusals = [answer for answer in answers if answer.status_code != 401]
            assert 0 < len(refusals) < FLOOD
            for answer in refusals:
                assert problem(answer) == (503, "busy")
                assert int(answer.headers["retry-after"]) > 0
    assert load.failures == []
    assert ben.login().status_code == 200, "and hashing goes on"
