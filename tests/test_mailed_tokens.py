"""Tokens and codes that travel to people, over real HTTP: once only, also for many at once, and telling nothing."""

from functools import partial

import httpx
import pytest

from tests.mailbox import mailed_token
from tests.people import NEW_PASSWORD, Person, client_of, member, one, patiently, problem
from tests.server import Service
from tests.waiting import together

CLIENTS = 8
CHANGING_HEADERS = {"date", "x-request-id", "ratelimit"}


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def looks(answer: httpx.Response) -> tuple[object, ...]:
    """What somebody outside can tell answers apart by."""
    headers = {k: v for k, v in answer.headers.items() if k not in CHANGING_HEADERS}
    return answer.status_code, answer.text, headers


def test_a_reset_token_sets_one_password_however_many_clients_use_it_at_once(service: Service) -> None:
    """BR-108: exactly one of them wins."""
    ann = member(service)
    token = mailed_token(service, ann.id, "reset")
    passwords = [f"{NEW_PASSWORD} {number}" for number in range(CLIENTS)]
    answers = together(
        *[
            partial(
                patiently,
                partial(
                    client_of(service).post, "/v1/auth/password/reset", json={"token": token, "password": password}
                ),
            )
            for password in passwords
        ]
    )
    assert sorted(a.status_code for a in answers) == [204, *[400] * (CLIENTS - 1)]
    assert {problem(a) for a in answers if a.status_code != 204} == {(400, "token_invalid")}
    won = [password for password, a in zip(passwords, answers, strict=True) if a.status_code == 204]
    assert ann.login(password=won[0]).status_code == 200
    assert problem(ann.elsewhere().login()) == (401, "invalid_credentials")


def test_an_address_is_verified_for_one_of_two_who_want_it_at_once(service: Service) -> None:
    """BR-014: the other one is told that it is taken, and keeps the old one."""
    people = [member(service), member(service)]
    wanted = f"wanted-{people[0].email}"
    tokens = []
    for person in people:
        with service.database.transaction():
            service.database.execute("select private.send_email_verification(%s, %s)", [person.id, wanted])
            tokens.append(
                one(
                    service,
                    "select payload ->> 'token' from app.outbox where user_id = %s and recipient = %s",
                    person.id,
                    wanted,
                )
            )
    answers = together(
        *[
            partial(p.client.post, "/v1/auth/email/verify", json={"token": t})
            for p, t in zip(people, tokens, strict=True)
        ]
    )
    assert sorted(a.status_code for a in answers) == [204, 409]
    assert {problem(a) for a in answers if a.status_code == 409} == {(409, "email_taken")}
    emails = {person.get("/v1/me").json()["email"] for person in people}
    assert wanted in emails
    assert len(emails) == 2


def test_wrong_codes_are_counted_also_when_they_arrive_at_once(service: Service) -> None:
    """BR-111: five tries, each kept although it is refused."""
    ann = member(service)
    assert ann.post("/v1/me/phone", {"phone": "+41791234567"}).status_code == 202
    service.database.execute(
        "update app.phone_verification_codes set code_hash = private.keyed_digest('phone ' || user_id || ' 123456') "
        "where user_id = %s",
        [ann.id],
    )
    wrong = together(
        *[
            partial(patiently, partial(ann.twin().post, "/v1/me/phone/verify", {"code": "654321"}))
            for _ in range(CLIENTS)
        ]
    )
    assert {problem(a) for a in wrong} == {(400, "code_invalid")}
    assert one(service, "select attempts from app.phone_verification_codes where user_id = %s", ann.id) == 5
    assert problem(ann.post("/v1/me/phone/verify", {"code": "123456"})) == (400, "code_invalid")


@pytest.mark.parametrize("path", ["/v1/auth/password/forgot", "/v1/auth/email/verification"])
def test_nobody_learns_who_has_an_account_by_asking_for_a_mail(service: Service, path: str) -> None:
    """BR-112: the answer is the same for every state of an account, and for none."""
    known, suspended, verified, locked = (member(service) for _ in range(4))
    for change, person in [
        ("update app.users set status = 'suspended', suspended_at = now() where id = %s", suspended),
        ("update app.users set status = 'active', is_email_verified = true where id = %s", verified),
        ("update app.users set locked_until = private.now() + interval '1 hour' where id = %s", locked),
    ]:
        service.database.execute(change.encode(), [person.id])
    emails = [known.email, known.email, suspended.email, verified.email, locked.email, "nobody@example.com"]
    answers = [service.client.post(path, json={"email": email}) for email in emails]
    assert {str(looks(a)) for a in answers} == {str(looks(answers[0]))}
    assert (answers[0].status_code, answers[0].text) == (202, "")
    assert min(answer.elapsed.total_seconds() for answer in answers) >= 0.1, "BR-048: none is early"
    assert "answer-after" not in answers[0].headers, "which is between the function and the service"


def test_private_registration_answers_everybody_alike(service: Service) -> None:
    """BR-017: also those who register the same address at the same moment."""
    ann = member(service)
    service.database.execute("update app.settings set registration = 'private'")
    try:
        free = [Person(service) for _ in range(CLIENTS)]
        for person in free:
            person.email = free[0].email
        answers = together(*[partial(patiently, person.register) for person in free])
        answers += [
            Person(service).register(),
            Person(service).register(email=ann.email),
            Person(service).register(username=ann.username),
            Person(service).register(email=ann.email, username=ann.username),
        ]
        assert {str(looks(a)) for a in answers} == {str(looks(answers[0]))}
        assert (answers[0].status_code, answers[0].text) == (202, "")
        assert one(service, "select count(*) from app.users where email = %s", free[0].email) == 1
        prober = Person(service)
        assert prober.register(email=ann.email, password=NEW_PASSWORD).status_code == 202
        signed_in = [prober.login(identifier=i, password=NEW_PASSWORD) for i in (ann.email, prober.username)]
        signed_in += [free[0].login(), free[0].login(identifier=free[0].username)]
        assert {problem(a) for a in signed_in} == {(401, "invalid_credentials")}, "BR-017: not before it is verified"
    finally:
        service.database.execute("update app.settings set registration = 'public'")
