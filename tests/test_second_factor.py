"""Signing in with an authenticator app: the whole journey, and what must not work however it is tried."""

import json
from functools import partial
from typing import Any

import jwt
import pytest
from psycopg import sql

from api.resealing import reseal
from api.settings import OperatorError
from tests.authenticator import challenge, complete, enrol, protect
from tests.people import NEW_PASSWORD, WRONG_PASSWORD, Person, events, holder, member, moved_clock, one, problem
from tests.server import Service
from tests.waiting import together

RACERS = 12


@pytest.fixture(scope="module")
def service(racing_service: Service) -> Service:
    """One for all of these tests."""
    return racing_service


def methods(person: Person) -> list[str]:
    """What the access token says of how somebody signed in."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    return list(claims["amr"])


def test_somebody_enrols_an_app_and_signs_in_with_it(service: Service) -> None:
    """BR-140, BR-142"""
    ann = member(service)
    other = ann.elsewhere()
    assert other.login().status_code == 200
    assert methods(ann) == ["pwd"]
    assert ann.get("/v1/me/mfa").json() == {
        "is_active": False, "confirmed_at": None, "recovery_codes_left": 0, "methods": ["pwd"],
    }  # fmt: skip

    app = enrol(ann)
    assert app.enrolment["account"] == ann.email
    assert app.enrolment["qr_code"].startswith("data:image/svg+xml")
    assert ann.elsewhere().login().status_code == 200, "not in force before it is confirmed"
    code = app.code()
    confirmed = ann.post("/v1/me/mfa/confirm", {"code": code})
    assert confirmed.status_code == 200
    assert confirmed.headers["cache-control"] == "no-store"
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    assert problem(other.get("/v1/me")) == (401, "session_expired")
    assert ann.get("/v1/me").json()["has_second_factor"] is True

    phone = ann.elsewhere()
    first = phone.login(device_name="Phone")
    assert problem(first) == (401, "mfa_required")
    assert first.headers["cache-control"] == "no-store"
    assert "access_token" not in first.text
    assert problem(complete(phone, first.json()["challenge"], code=code)) == (401, "second_factor_failed")
    with moved_clock(service, "1 minute"):
        assert complete(phone, first.json()["challenge"], code=app.code()).status_code == 200
        assert methods(phone) == ["pwd", "otp", "mfa"]
        assert phone.get("/v1/me").status_code == 200
        assert phone.refresh().status_code == 200
        assert methods(phone) == ["pwd", "otp", "mfa"]
    listed = next(s for s in phone.get("/v1/me/sessions").json()["items"] if s["is_current"])
    assert (listed["device_name"], listed["methods"]) == ("Phone", ["pwd", "otp", "mfa"])


def test_the_document_tells_what_a_refused_login_says(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    refusal = document["paths"]["/v1/auth/login"]["post"]["responses"]["401"]["content"]["application/problem+json"]
    names = [schema["$ref"].rpartition("/")[2] for schema in refusal["schema"]["anyOf"]]
    assert names == ["problem_mfa_required", "Problem"]
    told = document["components"]["schemas"]["problem_mfa_required"]
    assert told["required"][-2:] == ["challenge", "challenge_expires_at"]
    assert {"code", "detail", "challenge", "challenge_expires_at"} <= told["properties"].keys()


def test_one_code_signs_in_once_however_often_it_is_sent_at_once(service: Service) -> None:
    """BR-143"""
    ann = member(service)
    app = protect(ann)
    with moved_clock(service, "1 minute"):
        people = [ann.elsewhere() for _ in range(RACERS)]
        waiting = [challenge(person) for person in people]
        code = app.code()
        answers = together(*[partial(complete, p, c, code=code) for p, c in zip(people, waiting, strict=True)])
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * (RACERS - 1)
        refused = {problem(answer) for answer in answers if answer.status_code == 401}
        assert refused == {(401, "second_factor_failed")}
    assert {e["reason"] for e in events(service, "mfa.failed", ann.id)} == {"used_code"}


def test_one_challenge_is_met_once_however_often_it_is_at_once(service: Service) -> None:
    """BR-142"""
    ann = member(service)
    app = protect(ann)
    with moved_clock(service, "1 minute"):
        people = [ann.elsewhere() for _ in range(RACERS)]
        waiting = challenge(ann.elsewhere())
        answers = together(
            *[partial(complete, p, waiting, recovery_code=c) for p, c in zip(people, app.codes, strict=False)]
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9
    assert {problem(a) for a in answers if a.status_code == 401} == {(401, "token_invalid")}
    assert one(service, "select count(*) from app.recovery_codes where user_id = %s and used_at is null", ann.id) == 9


def test_a_recovery_code_works_once_however_often_it_is_sent_at_once(service: Service) -> None:
    """BR-144"""
    ann = member(service)
    app = protect(ann)
    people = [ann.elsewhere() for _ in range(RACERS)]
    waiting = [challenge(person) for person in people]
    answers = together(
        *[partial(complete, p, c, recovery_code=app.codes[0]) for p, c in zip(people, waiting, strict=True)]
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (RACERS - 1)
    assert len(events(service, "recovery_code.used", ann.id)) == 1


@pytest.mark.parametrize(("shift", "status"), [(-60, 401), (-30, 200), (0, 200), (30, 200), (60, 401)])
def test_a_clock_may_be_wrong_by_one_step(service: Service, shift: int, status: int) -> None:
    """BR-143"""
    ann = member(service)
    app = protect(ann)
    with moved_clock(service, "5 minutes"):
        assert complete(ann.elsewhere(), challenge(ann.elsewhere()), code=app.code(shift)).status_code == status


def test_a_challenge_takes_five_tries_also_when_they_come_at_once(service: Service) -> None:
    """BR-148"""
    ann = member(service)
    app = protect(ann)
    waiting, wrong = challenge(ann.elsewhere()), app.wrong_code()
    people = [ann.elsewhere() for _ in range(RACERS)]
    answers = together(*[partial(complete, person, waiting, code=wrong) for person in people])
    outcomes = sorted(problem(answer) for answer in answers)
    assert outcomes == [(401, "second_factor_failed")] * 5 + [(401, "token_invalid")] * (RACERS - 5)


def test_guessing_codes_locks_the_guesser_out_and_nobody_else(service: Service) -> None:
    """BR-148"""
    ann = member(service)
    app = protect(ann)
    thief = ann.elsewhere()
    for _ in range(2):
        waiting = challenge(thief)
        for _ in range(5):
            assert problem(complete(thief, waiting, code=app.wrong_code())) == (401, "second_factor_failed")
    assert problem(thief.login()) == (401, "invalid_credentials"), "the right password, but locked"
    with moved_clock(service, "1 minute"):
        assert complete(ann, challenge(ann), code=app.code()).status_code == 200, "the owner's own source is open"


def test_a_wrong_password_gets_the_same_answer_with_and_without_a_second_factor(service: Service) -> None:
    """BR-408"""
    ann, bob = member(service), member(service, "bob")
    protect(ann)
    with_factor = ann.elsewhere().login(password=WRONG_PASSWORD)
    without = bob.elsewhere().login(password=WRONG_PASSWORD)
    assert with_factor.json() | {"request_id": ""} == without.json() | {"request_id": ""}
    assert with_factor.headers.keys() == without.headers.keys()


def test_what_is_no_code_is_told_apart_from_a_wrong_one(service: Service) -> None:
    ann = member(service)
    protect(ann)
    waiting = challenge(ann.elsewhere())
    bodies: list[dict[str, Any]] = [{"code": "12345"}, {"code": "12345a"}, {"code": 123456}, {"recovery_code": "abc"}]
    for body in [*bodies, {"code": "123456", "verified_step": 1}]:
        answer = ann.client.post("/v1/auth/mfa", json={"challenge": waiting} | body)
        assert problem(answer) == (422, "invalid_request"), body
    assert problem(complete(ann, waiting)) == (422, "code_missing")
    assert problem(complete(ann, "no challenge", code="123456")) == (401, "token_invalid")


def test_who_has_lost_the_app_gets_in_with_a_recovery_code_and_disables_it(service: Service) -> None:
    """BR-144, BR-145"""
    ann = member(service)
    app = protect(ann)
    assert complete(ann, challenge(ann), recovery_code=app.codes[0].upper()).status_code == 200
    assert methods(ann) == ["pwd", "mfa"]
    both = {"password": ann.password, "recovery_code": app.codes[1]}
    assert problem(ann.post("/v1/me/mfa/disable", both | {"password": WRONG_PASSWORD})) == (
        401, "reauthentication_failed",
    )  # fmt: skip
    assert problem(ann.post("/v1/me/mfa/disable", both | {"recovery_code": app.codes[0]})) == (
        401, "second_factor_failed",
    )  # fmt: skip
    assert ann.post("/v1/me/mfa/disable", both).status_code == 204
    assert ann.elsewhere().login().status_code == 200


def test_a_borrowed_session_of_an_administrator_is_no_way_round_password_and_second_factor(service: Service) -> None:
    """BR-511, BR-145, BR-530: what the routes for others do to others they do not do to oneself."""
    root, other = holder(service, "admin"), holder(service, "admin")
    protect(root)
    for _ in range(10):
        guess = {"current_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}
        assert problem(root.post("/v1/me/password", guess)) == (401, "reauthentication_failed")
    for method, path, body in (
        ("DELETE", "mfa", None),
        ("POST", "api-keys", {"name": "mine", "scopes": ["users:read"]}),
        ("POST", "unlock", None),
    ):
        answer = root.request(method, f"/v1/users/{root.id}/{path}", json=body)
        assert problem(answer) == (403, "own_account"), path
        assert other.request(method, f"/v1/users/{root.id}/{path}", json=body).is_success, path
    assert [e["code"] for e in events(service, "request.refused", root.id)] == ["own_account"] * 3


def test_a_forgotten_password_is_no_way_round_the_second_factor(service: Service) -> None:
    """BR-150"""
    ann = member(service)
    app = protect(ann)
    service.database.execute(
        "insert into app.password_reset_tokens (user_id, token_hash, expires_at) "
        "values (%s, private.digest(%s), private.now() + '1 hour')",
        [ann.id, f"reset {ann.id}"],
    )
    service.database.execute("update app.users set is_email_verified = true, status = 'active' where id = %s", [ann.id])
    body = {"token": f"reset {ann.id}", "password": NEW_PASSWORD}
    assert ann.client.post("/v1/auth/password/reset", json=body).status_code == 204
    ann.password = NEW_PASSWORD
    assert complete(ann, challenge(ann), recovery_code=app.codes[0]).status_code == 200


def test_the_secret_is_nowhere_in_the_database_nor_in_the_log(service: Service) -> None:
    """BR-141"""
    ann = member(service)
    app = protect(ann)
    waiting = challenge(ann.elsewhere())
    tables = service.database.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind = 'r' and n.nspname in ('app', 'audit', 'private', 'http')"
    ).fetchall()
    everything = json.dumps(
        [
            service.database.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(*table))).fetchall()
            for table in tables
        ]
    )
    assert ann.id in everything
    for secret in (app.enrolment["secret"], waiting, *app.codes, *(c.replace("-", "") for c in app.codes)):
        assert secret not in everything
        assert secret not in service.log.read_text()
    sealed = one(service, "select sealed_secret from app.totp_factors where user_id = %s", ann.id)
    assert sealed.partition(".")[0] in {path.stem for path in (service.var / "secrets" / "sealing").glob("*.key")}


def test_a_missing_sealing_key_is_told_to_the_operator_and_lets_nobody_in(service: Service) -> None:
    ann = member(service)
    app = protect(ann)
    waiting = challenge(ann.elsewhere())
    service.database.execute(
        "update app.totp_factors set sealed_secret = '0123456789abcdef' || substr(sealed_secret, 17) "
        "where user_id = %s",
        [ann.id],
    )
    assert problem(complete(ann.elsewhere(), waiting, code=app.code())) == (500, "internal_error")
    assert "the sealing key 0123456789abcdef is not in" in service.log.read_text()
    assert complete(ann.elsewhere(), waiting, recovery_code=app.codes[0]).status_code == 200


def test_a_new_sealing_key_seals_every_secret_anew_while_the_service_runs(service: Service) -> None:
    """BR-141"""
    ann, bob = member(service), member(service, "bob")
    app = protect(ann)
    keys = service.var / "secrets" / "sealing"
    before = one(service, "select sealed_secret from app.totp_factors where user_id = %s", ann.id)
    service.database.execute("delete from app.totp_factors where sealed_secret like '0123456789abcdef.%%'")
    count, unneeded = reseal(service.admin_dsn, keys)
    assert count >= 1
    assert before.partition(".")[0] in {path.stem for path in unneeded}
    after = one(service, "select sealed_secret from app.totp_factors where user_id = %s", ann.id)
    assert after.partition(".")[0] not in {path.stem for path in unneeded}
    for path in unneeded:
        path.unlink()
    with moved_clock(service, "1 minute"):
        assert complete(ann, challenge(ann.elsewhere()), code=app.code()).status_code == 200
    assert protect(bob).codes, "and enrols with it"
    service.database.execute(
        "update app.totp_factors set sealed_secret = 'fedcba9876543210' || substr(sealed_secret, 17) "
        "where user_id = %s",
        [bob.id],
    )
    with pytest.raises(OperatorError, match="the sealing key fedcba9876543210 is not in"):
        reseal(service.admin_dsn, keys)
