"""A second factor that an operator requires, what asks for both factors, passwords that are good only beside one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from tests.authenticator import App, challenge, complete, enrol, protect
from tests.people import NEW_PASSWORD, Person, events, grant, holder, member, moved_clock, one, problem
from tests.server import Service
from tests.waiting import together

CLOSED = (403, "mfa_enrolment_required")
OPEN = {"GET /v1/me", "GET /v1/me/mfa", "POST /v1/me/mfa", "POST /v1/me/mfa/confirm"}
SHORT_PASSWORD = "w4ter-Kyts"
RACERS = 8


@pytest.fixture(scope="module")
def service(racing_service: Service) -> Service:
    """One for all of these tests."""
    return racing_service


@contextmanager
def required_of(service: Service, role: str) -> Iterator[None]:
    """An operator requires a second factor of everybody who holds a role while the block runs."""
    service.database.execute("update app.roles set second_factor_required = true where name = %s", [role])
    try:
        yield
    finally:
        service.database.execute("update app.roles set second_factor_required = false")


def role_of_ones_own(service: Service, person: Person) -> str:
    """A role that nobody else holds, so that the tests leave each other alone."""
    name = f"r{person.id.replace('-', '')[-20:]}"
    service.database.execute("insert into app.roles (name) values (%s)", [name])
    grant(person, name)
    return name


def sensitive(person: Person, **how: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Every change that asks again for all that a sign-in takes, or for the second factor; the last one ends it."""
    password = {"password": person.password}
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/me/password", {"current_password": person.password, "new_password": person.password}),
        ("POST", "/v1/me/email", {"new_email": f"new-{person.email}"} | password),
        ("POST", "/v1/me/phone", {"phone": "+41790000001"}),
        ("PATCH", "/v1/me", {"phone": "+41790000002"}),
        ("POST", "/v1/me/api-keys", {"name": "robot", "scopes": []} | password),
        ("POST", "/v1/me/mfa", password),
        ("POST", "/v1/me/delete", password),
    ]
    return [(method, path, body | how) for method, path, body in changes]


def test_whoever_has_to_have_a_second_factor_gets_nowhere_before_it_is_confirmed(service: Service) -> None:
    """BR-154, BR-155"""
    ann = holder(service, "admin")
    assert ann.get("/v1/me").json()["second_factor_required"] is False
    document = service.client.get("/openapi.json").json()
    routes = [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if operation.get("security")
    ]
    assert {f"{method} {path}" for method, path, _ in routes} > OPEN
    with required_of(service, role_of_ones_own(service, ann)):
        assert ann.get("/v1/me").json()["second_factor_required"] is True
        for method, path, operation in routes:
            told = "mfa_enrolment_required" in operation["responses"]["403"]["description"]
            assert told == (f"{method} {path}" not in OPEN), path
            if told:
                answer = ann.request(method, path.replace("{id}", ann.id).replace("{name}", "user"), json={})
                assert problem(answer) == CLOSED, path
        assert ann.login().status_code == 200
        assert ann.refresh().status_code == 200, "an enrolment may outlast an access token"
        assert ann.get("/v1/me/mfa").json()["is_active"] is False
        app = enrol(ann)
        assert problem(ann.get("/v1/users")) == CLOSED
        assert ann.post("/v1/me/mfa/confirm", {"code": app.code()}).status_code == 200
        assert ann.get("/v1/users").status_code == 200
        with moved_clock(service, "1 minute"):
            both = {"password": ann.password, "code": app.code()}
            assert problem(ann.post("/v1/me/mfa/disable", both)) == (409, "second_factor_required")
    assert ann.client.post("/v1/auth/logout", json={"refresh_token": ann.session["refresh_token"]}).status_code == 204
    assert {e["code"] for e in events(service, "request.refused", ann.id)} == {"mfa_enrolment_required"}


def test_an_administrator_takes_a_lost_factor_away_and_the_person_enrols_again(service: Service) -> None:
    """BR-156, BR-157"""
    ann, root = member(service), holder(service, "admin")
    protect(ann)
    key = one(service, "select (private.issue_api_key(%s, 'robot', '{}', null)).key", ann.id)
    program = ann.elsewhere()
    program.session = {"access_token": key}
    with required_of(service, role_of_ones_own(service, ann)):
        assert program.get(f"/v1/users/{ann.id}").status_code == 200
        assert root.request("DELETE", f"/v1/users/{ann.id}/mfa").status_code == 204
        assert problem(ann.get("/v1/me/sessions")) == CLOSED, "a session that had passed the factor"
        assert problem(program.get(f"/v1/users/{ann.id}")) == CLOSED, "a key opens no more than its owner may"
        assert program.get("/v1/me").status_code == 200
        assert ann.elsewhere().login().status_code == 200
        protect(ann)
        assert ann.get("/v1/me/sessions").status_code == 200
        assert program.get(f"/v1/users/{ann.id}").status_code == 200


def test_without_a_second_factor_nothing_asks_for_one(service: Service) -> None:
    """BR-020: clients that know nothing of second factors go on."""
    ann = member(service)
    for method, path, body in sensitive(ann):
        answer = ann.request(method, path, json=body)
        assert answer.is_success, (path, answer.text)


def test_with_a_second_factor_every_change_of_what_matters_asks_for_it(service: Service) -> None:
    """BR-020, BR-143, BR-148"""
    ann = member(service)
    app = protect(ann)
    for method, path, body in sensitive(ann):
        assert problem(ann.request(method, path, json=body)) == (422, "code_missing"), path
    wrong = sensitive(ann, code=app.wrong_code())
    for method, path, body in wrong:
        assert problem(ann.request(method, path, json=body)) == (401, "second_factor_failed"), path
    counted = "select failed_login_attempts from app.login_sources where user_id = %s order by updated_at desc limit 1"
    assert one(service, counted, ann.id) == len(wrong), "whichever route a guess comes by"
    for n, (method, path, body) in enumerate(sensitive(ann), 1):
        with moved_clock(service, f"{n} minutes"):
            code = app.code()
            answer = ann.request(method, path, json=body | {"code": code})
            assert answer.is_success, (path, answer.text)
            if path not in ("/v1/me/mfa", "/v1/me/delete"):
                again = ann.post("/v1/me/phone", {"phone": "+41790000003", "code": code})
                assert problem(again) == (401, "second_factor_failed"), f"a code of {path} is good for nothing else"


def test_guesses_over_all_routes_lock_the_guesser_out(service: Service) -> None:
    """BR-148: a stolen session with a stolen password is not enough, and many routes are not more guesses."""
    ann = member(service)
    app = protect(ann)
    thief = ann.twin()
    tries = (sensitive(ann, code=app.wrong_code()) * 2)[:10]
    assert {problem(thief.request(m, p, json=b)) for m, p, b in tries} == {(401, "second_factor_failed")}
    with moved_clock(service, "1 minute"):
        for method, path, body in sensitive(ann, code=app.code()):
            expected = "second_factor_failed" if "phone" in body else "reauthentication_failed"
            assert problem(thief.request(method, path, json=body)) == (401, expected), (
                f"the right code, but locked: {path}"
            )
        assert complete(ann, challenge(ann), code=app.code()).status_code == 200, "the owner's own source is open"


def test_of_requests_with_one_code_that_meet_one_is_let_through(service: Service) -> None:
    """BR-143"""
    ann = member(service)
    app = protect(ann)
    with moved_clock(service, "1 minute"):
        code = app.code()
        racers = [ann.twin() for _ in range(RACERS)]
        answers = together(*[partial(r.post, "/v1/me/phone", {"phone": "+41790000004", "code": code}) for r in racers])
    assert sorted(answer.status_code for answer in answers) == [202] + [401] * (RACERS - 1)
    assert {e["reason"] for e in events(service, "mfa.failed", ann.id)} <= {"used_code", "locked"}


def test_an_app_is_confirmed_once_however_many_confirm_at_once(service: Service) -> None:
    """BR-140, BR-146"""
    ann = member(service)
    app = enrol(ann)
    code = app.code()
    answers = together(*[partial(ann.twin().post, "/v1/me/mfa/confirm", {"code": code}) for _ in range(RACERS)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (RACERS - 1)
    good = next(answer for answer in answers if answer.status_code == 200).json()
    assert one(service, "select count(*) from app.recovery_codes where user_id = %s", ann.id) == 10
    assert complete(ann, challenge(ann), recovery_code=good["recovery_codes"][0]).status_code == 200


def test_a_sign_in_that_meets_the_end_of_its_factor_comes_before_it_or_not_at_all(service: Service) -> None:
    """BR-142, BR-145"""
    for _ in range(5):
        ann = member(service)
        app = protect(ann)
        waiting, phone = challenge(ann.elsewhere()), ann.elsewhere()
        both = {"password": ann.password, "recovery_code": app.codes[0]}
        signed_in, disabled = together(
            partial(complete, phone, waiting, recovery_code=app.codes[1]), partial(ann.post, "/v1/me/mfa/disable", both)
        )
        assert disabled.status_code == 204, disabled.text
        if signed_in.status_code != 200:
            assert problem(signed_in) == (401, "token_invalid")
        assert one(service, "select count(*) from app.recovery_codes where user_id = %s", ann.id) == 0
        assert ann.elsewhere().login().status_code == 200


def test_another_app_takes_the_place_of_the_first_when_it_is_confirmed(service: Service) -> None:
    """BR-158"""
    ann = member(service)
    old = protect(ann)
    with required_of(service, role_of_ones_own(service, ann)):
        both = {"password": ann.password, "recovery_code": old.codes[0]}
        answer = ann.post("/v1/me/mfa", both)
        assert answer.status_code == 201, answer.text
        new = App(ann, answer.json())
        with moved_clock(service, "1 minute"):
            assert complete(ann.elsewhere(), challenge(ann.elsewhere()), code=old.code()).status_code == 200, "still"
            wrong = new.wrong_code() if old.code() == new.code() else old.code()
            assert problem(ann.post("/v1/me/mfa/confirm", {"code": wrong})) == (400, "code_invalid")
            confirmed = ann.post("/v1/me/mfa/confirm", {"code": new.code()})
            assert confirmed.status_code == 200
            assert ann.get("/v1/me/sessions").status_code == 200
        with moved_clock(service, "2 minutes"):
            waiting = challenge(ann.elsewhere())
            assert problem(complete(ann, waiting, recovery_code=old.codes[1])) == (401, "second_factor_failed")
            assert problem(complete(ann, waiting, code=old.code())) == (401, "second_factor_failed")
            assert complete(ann, waiting, code=new.code()).status_code == 200


def test_a_password_that_is_good_only_beside_a_second_factor_does_not_outlive_it(service: Service) -> None:
    """BR-152, BR-160"""
    ann = member(service)
    change = {"current_password": ann.password, "new_password": SHORT_PASSWORD}
    assert problem(ann.post("/v1/me/password", change)) == (422, "password_unacceptable")
    app = protect(ann)
    seven = change | {"new_password": "w4t-Kyt", "recovery_code": app.codes[0]}
    assert problem(ann.post("/v1/me/password", seven)) == (422, "password_unacceptable"), "seven are too few"
    assert ann.post("/v1/me/password", change | {"recovery_code": app.codes[0]}).status_code == 204
    ann.password = SHORT_PASSWORD
    both = {"password": ann.password, "recovery_code": app.codes[1]}
    refused = ann.post("/v1/me/mfa/disable", both)
    assert problem(refused) == (422, "password_too_short_alone")
    assert "POST /v1/me/password" in refused.json()["detail"]
    longer = {"current_password": ann.password, "new_password": NEW_PASSWORD, "recovery_code": app.codes[1]}
    assert ann.post("/v1/me/password", longer).status_code == 204
    both = {"password": NEW_PASSWORD, "recovery_code": app.codes[2]}
    assert ann.post("/v1/me/mfa/disable", both).status_code == 204


def in_need_of_a_longer_password(service: Service) -> Person:
    """Somebody with a short password whose second factor an administrator has taken away."""
    ann, root = member(service), holder(service, "admin")
    app = protect(ann)
    change = {"current_password": ann.password, "new_password": SHORT_PASSWORD, "recovery_code": app.codes[0]}
    assert ann.post("/v1/me/password", change).status_code == 204
    ann.password = SHORT_PASSWORD
    assert root.request("DELETE", f"/v1/users/{ann.id}/mfa").status_code == 204
    assert ann.login().status_code == 200
    assert problem(ann.get("/v1/me/sessions")) == (403, "password_change_required")
    assert ann.get("/v1/me").status_code == 200
    return ann


def test_who_loses_the_factor_of_a_short_password_changes_it_before_anything_else(service: Service) -> None:
    """BR-160"""
    ann = in_need_of_a_longer_password(service)
    change = {"current_password": ann.password, "new_password": "0ther-Kyts"}
    assert problem(ann.post("/v1/me/password", change)) == (422, "password_unacceptable"), "too short again"
    assert ann.post("/v1/me/password", change | {"new_password": NEW_PASSWORD}).status_code == 204
    assert ann.get("/v1/me/sessions").status_code == 200


def test_who_loses_the_factor_of_a_short_password_may_enrol_another_instead(service: Service) -> None:
    """BR-160"""
    ann = in_need_of_a_longer_password(service)
    protect(ann)
    assert ann.get("/v1/me/sessions").status_code == 200


def test_the_code_of_an_enrolment_cannot_be_guessed(service: Service) -> None:
    """BR-159: whoever has a borrowed session and finds an enrolment that waits has five guesses, also all at once."""
    ann = member(service)
    app = enrol(ann)

    def guess() -> httpx.Response:
        return ann.twin().post("/v1/me/mfa/confirm", {"code": app.wrong_code()})

    outcomes = sorted(problem(answer) for answer in together(*[guess] * RACERS))
    assert outcomes == [(400, "code_invalid")] * 5 + [(409, "no_second_factor")] * (RACERS - 5)
    assert problem(ann.post("/v1/me/mfa/confirm", {"code": app.code()})) == (409, "no_second_factor")
