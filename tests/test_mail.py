"""What people get by mail and by telephone, and what they do with it: whole flows over HTTP, SMTP and a webhook."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.authenticator import challenge, complete, protect
from tests.databases import TestDatabase
from tests.mailserver import Mail, MailServer, Webhook, mail_server, receiving
from tests.outbox import message, messages, occurrences, sent
from tests.people import NEW_PASSWORD, WRONG_PASSWORD, Person, holder, member, moved_clock, one, problem
from tests.server import Service, free_port, serving
from tests.waiting import until

SMS_TOKEN = "a made-up bearer token"


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    """The mail server of these tests."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def phones() -> Iterator[Webhook]:
    """The webhook of these tests."""
    with receiving(Webhook(free_port())) as webhook:
        yield webhook


@pytest.fixture(scope="module")
def service(
    module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory, post: MailServer, phones: Webhook
) -> Iterator[Service]:
    """One service for these tests, with both."""
    environment = post.environment(
        PGROSTER_ORIGIN="https://accounts.example.org",
        PGROSTER_SMS_WEBHOOK=f"http://127.0.0.1:{phones.port}/texts",
        PGROSTER_SMS_TOKEN=SMS_TOKEN,
        NO_PROXY="127.0.0.1",
    )
    with serving(module_database, tmp_path_factory.mktemp("service"), **environment) as service:
        yield service


def asked(person: Person, path: str, **body: Any) -> httpx.Response:
    """A request without a sign-in."""
    return person.client.post(path, json=body)


def number_of(person: Person, prefix: str) -> str:
    """A telephone number that nobody else has."""
    return prefix + person.username.rpartition("-")[2].zfill(7)


def test_a_registration_is_confirmed_with_the_mailed_token(service: Service, post: MailServer) -> None:
    ann = Person(service)
    assert ann.register().json()["status"] == "inactive"
    (mail,) = post.to(ann.email)
    assert mail.link == f"https://accounts.example.org/account/verify_email#token={mail.token}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", mail.token)
    assert ann.username not in mail.text + mail.html, "the address may be anybody's"
    assert f'href="{mail.link}"' in mail.html

    assert asked(ann, "/v1/auth/email/verify", token=mail.token).status_code == 204
    assert ann.login().json()["user"]["status"] == "active"
    assert ann.session["user"]["is_email_verified"] is True
    assert problem(asked(ann, "/v1/auth/email/verify", token=mail.token)) == (400, "token_invalid")
    assert problem(asked(ann, "/v1/auth/password/reset", token=mail.token, password=NEW_PASSWORD)) == (
        400,
        "token_invalid",
    )


def test_a_mail_says_who_it_is_from_and_that_a_program_wrote_it(service: Service, post: MailServer) -> None:
    ann = Person(service)
    ann.register()
    (mail,) = post.to(ann.email)
    row = sent(service, mail.id)
    assert mail.sender == "accounts@example.org"
    assert mail.recipients == [ann.email]
    assert mail.message.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert mail.message["From"] == "Rüegg & Söhne <accounts@example.org>"
    assert mail.message["To"] == ann.email
    assert mail.message["Message-ID"] == f"<{row['id']}@example.org>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(mail.message["Date"]) - row["created_at"]).total_seconds() < 1
    assert mail.message.get_content_type() == "multipart/alternative"


def test_a_token_is_nowhere_in_the_database_once_it_is_delivered(service: Service, post: MailServer) -> None:
    ann = Person(service)
    post.held = "DATA"
    post.go_on.clear()
    try:
        ann.register()
        (mail,) = post.to(ann.email)
        assert occurrences(service.database, mail.token) == {"app.outbox.payload"}, "the search finds it where it is"
        assert "app.outbox.recipient" in occurrences(service.database, ann.email)
    finally:
        post.held = None
        post.go_on.set()
    row = sent(service, mail.id)
    assert (row["payload"], row["recipient"], row["attempts"], row["last_error"]) == (None, None, 1, None)
    assert occurrences(service.database, mail.token) == set()
    assert "app.outbox.recipient" not in occurrences(service.database, ann.email)
    assert mail.token not in service.log.read_text()
    assert ann.email not in service.log.read_text()


def test_a_reset_ends_every_session_and_the_lock(service: Service, post: MailServer) -> None:
    ann = member(service)
    phone = ann.elsewhere()
    assert phone.login().status_code == 200
    for _ in range(one(service, "select lock_after_failures from app.settings")):
        ann.login(password=WRONG_PASSWORD)
    assert problem(ann.login()) == (401, "invalid_credentials"), "locked, though the password is right"

    assert asked(ann, "/v1/auth/password/forgot", email=ann.email.upper()).status_code == 202
    mail = post.to(ann.email, 2)[-1]
    assert mail.link.startswith("https://accounts.example.org/account/reset_password#token=")
    too_short = asked(ann, "/v1/auth/password/reset", token=mail.token, password="short")
    assert problem(too_short) == (422, "password_unacceptable")
    assert asked(ann, "/v1/auth/password/reset", token=mail.token, password=NEW_PASSWORD).status_code == 204
    for signed_in in (ann, phone):
        assert problem(signed_in.get("/v1/me")) == (401, "session_expired")
        assert problem(signed_in.refresh()) == (401, "session_expired")
    assert problem(ann.login()) == (401, "invalid_credentials")
    assert ann.login(password=NEW_PASSWORD).status_code == 200
    assert ann.session["user"]["is_email_verified"] is True, "the token was read at the address"
    assert "was changed" in post.to(ann.email, 3)[-1].text
    assert problem(asked(ann, "/v1/auth/password/reset", token=mail.token, password=WRONG_PASSWORD)) == (
        400,
        "token_invalid",
    )


def test_only_the_newest_token_works_and_not_for_ever(service: Service, post: MailServer) -> None:
    ann = Person(service)
    ann.register()
    (first,) = post.to(ann.email)
    assert asked(ann, "/v1/auth/email/verification", email=ann.email).status_code == 202
    newest = post.to(ann.email, 2)[-1]
    assert problem(asked(ann, "/v1/auth/email/verify", token=first.token)) == (400, "token_invalid")
    with moved_clock(service, "25 hours"):
        assert problem(asked(ann, "/v1/auth/email/verify", token=newest.token)) == (400, "token_invalid")
    assert asked(ann, "/v1/auth/email/verify", token=newest.token).status_code == 204


def test_nobody_without_an_account_gets_a_mail(service: Service, post: MailServer) -> None:
    stranger, ann = Person(service), Person(service)
    for path in ("/v1/auth/password/forgot", "/v1/auth/email/verification"):
        assert asked(stranger, path, email=stranger.email).status_code == 202
    ann.register()
    post.to(ann.email)
    assert [m for m in post.mails if m.recipients == [stranger.email]] == []


def test_the_host_header_does_not_reach_a_link(service: Service, post: MailServer) -> None:
    ann = member(service)
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = ann.client.post("/v1/auth/password/forgot", json={"email": ann.email}, headers=forged)
    assert answer.status_code == 202
    mail = post.to(ann.email, 2)[-1]
    assert "evil" not in mail.text + mail.html
    assert mail.link.startswith("https://accounts.example.org/")


def test_an_invited_person_sets_the_first_password(service: Service, post: MailServer) -> None:
    """BR-016, BR-028"""
    admin = holder(service, "admin")
    bob = Person(service, "bob")
    created = admin.post("/v1/users", {"email": bob.email, "username": bob.username})
    assert (created.status_code, created.json()["status"]) == (201, "inactive")
    assert problem(bob.login()) == (401, "invalid_credentials")
    (mail,) = post.to(bob.email)
    assert mail.link.startswith("https://accounts.example.org/account/invitation#token=")
    assert bob.username in mail.text
    accepted = {"token": mail.token, "password": bob.password}
    assert problem(asked(bob, "/v1/auth/password/reset", **accepted)) == (422, "consent_required")
    assert asked(bob, "/v1/auth/password/reset", **accepted, gdpr_consent=True).status_code == 204
    me = bob.login().json()["user"]
    assert (me["status"], me["gdpr_consent_at"] is not None) == ("active", True)


def test_a_new_address_takes_effect_when_it_is_confirmed_and_the_old_one_is_told(
    service: Service, post: MailServer
) -> None:
    ann = member(service)
    (first,) = post.to(ann.email)
    assert asked(ann, "/v1/auth/email/verify", token=first.token).status_code == 204
    new = f"new-{ann.email}"
    assert problem(ann.post("/v1/me/email", {"new_email": new, "password": WRONG_PASSWORD})) == (
        401,
        "reauthentication_failed",
    )
    assert ann.post("/v1/me/email", {"new_email": new, "password": ann.password}).status_code == 202
    assert new in post.to(ann.email, 2)[-1].text, "the old address is told at once"
    (mail,) = post.to(new)
    assert ann.get("/v1/me").json()["email"] == ann.email
    assert asked(ann, "/v1/auth/email/verify", token=mail.token).status_code == 204
    assert ann.get("/v1/me").json()["email"] == new
    assert new in post.to(ann.email, 3)[-1].text, "and told again that it is done"
    assert ann.login(new).status_code == 200


def test_the_owner_of_a_taken_address_is_told_and_the_caller_is_not(service: Service, post: MailServer) -> None:
    ann, bob = member(service), member(service, "bob")
    answer = bob.post("/v1/me/email", {"new_email": ann.email, "password": bob.password})
    assert answer.status_code == 202
    told = post.to(ann.email, 2)[-1]
    assert "entered this email address" in told.text
    assert bob.username not in told.text


def test_private_registration_tells_by_mail_what_it_does_not_answer(service: Service, post: MailServer) -> None:
    ann, bob, cid = member(service), Person(service, "bob"), Person(service, "cid")
    bob.username = ann.username
    cid.email = ann.email
    service.database.execute("update app.settings set registration = 'private'")
    try:
        assert {bob.register().status_code, cid.register().status_code} == {202}
    finally:
        service.database.execute("update app.settings set registration = 'public'")
    assert "belongs to somebody else" in post.to(bob.email)[0].text
    assert "entered this email address" in post.to(ann.email, 2)[-1].text


def test_the_owner_hears_of_each_change_of_how_the_account_is_entered(service: Service, post: MailServer) -> None:
    """BR-119, BR-147, BR-537"""
    ann = member(service)
    service.database.execute("update app.users set is_email_verified = true, status = 'active' where id = %s", [ann.id])
    app = protect(ann)
    assert "authenticator app was set up" in post.to(ann.email, 2)[-1].text
    assert complete(ann, challenge(ann), recovery_code=app.codes[0]).status_code == 200
    assert "left: 9" in post.to(ann.email, 3)[-1].text
    body = {"password": ann.password, "recovery_code": app.codes[1]}
    assert ann.post("/v1/me/api-keys", body | {"name": "nightly report", "scopes": []}).status_code == 201
    assert any("nightly report" in mail.text for mail in post.to(ann.email, 5))
    assert ann.post("/v1/me/mfa/disable", body | {"recovery_code": app.codes[2]}).status_code == 204
    told = [str(mail.message["Subject"]) for mail in post.to(ann.email, 7)]
    assert any("has no second factor any more" in subject for subject in told), told


def test_a_telephone_is_confirmed_with_the_code_that_was_sent_to_it(service: Service, phones: Webhook) -> None:
    ann = member(service)
    number = number_of(ann, "+4179")
    assert ann.post("/v1/me/phone", {"phone": number}).status_code == 202
    (text,) = phones.to(number)
    assert set(text) == {"to", "text", "id"}
    code = re.findall(r"\b\d{6}\b", text["text"])[0]
    assert phones.tokens[-1] == f"Bearer {SMS_TOKEN}"
    wrong = f"{(int(code) + 1) % 1000000:06}"
    assert problem(ann.post("/v1/me/phone/verify", {"code": wrong})) == (400, "code_invalid")
    assert ann.post("/v1/me/phone/verify", {"code": code}).status_code == 204
    me = ann.get("/v1/me").json()
    assert (me["phone"], me["is_phone_verified"]) == (number, True)
    row = sent(service, text["id"])
    assert (row["channel"], row["recipient"], row["payload"]) == ("sms", None, None)
    assert SMS_TOKEN not in service.log.read_text()
    assert number not in service.log.read_text()


def test_a_webhook_that_refuses_is_asked_again(service: Service, phones: Webhook) -> None:
    ann = member(service)
    phones.statuses.append(500)
    number = number_of(ann, "+4178")
    assert ann.post("/v1/me/phone", {"phone": number}).status_code == 202
    mine = messages(service, ann.id)[-1]["id"]
    until(lambda: message(service, mine)["last_error"] == "the webhook answered 500", 60, "the refusal is recorded")
    with moved_clock(service, "1 minute"):
        service.database.execute("notify pgroster_outbox")
        (text,) = phones.to(number)
    assert text["id"] == str(mine)
    assert sent(service, text["id"])["attempts"] == 2


def test_every_message_that_exists_was_sent_by_these_tests(service: Service) -> None:
    """Runs last: a message that no flow here sends is one that nobody has seen."""
    known = {name for (name,) in service.database.execute("select template from http.messages()").fetchall()}
    seen = {name for (name,) in service.database.execute("select distinct template from app.outbox").fetchall()}
    assert seen == known
    assert one(service, "select count(*) from app.outbox where sent_at is null") == 0


def test_mail_is_a_thing_to_read(post: MailServer) -> None:
    """No text shows a hole where a value should be."""
    assert post.mails
    for mail in post.mails:
        assert_readable(mail)


def assert_readable(mail: Mail) -> None:
    """A mail without leftovers of its template, in both forms."""
    subject = str(mail.message["Subject"])
    assert 10 < len(subject) < 90
    for body in (subject, mail.text, mail.html):
        assert not re.search(r"\{[{%]|None|Undefined", body), body
    assert mail.text.startswith("Hello")
    assert all(len(line) <= 80 for line in mail.text.splitlines() if "#token=" not in line)
    assert "src=" not in mail.html and "http-equiv" not in mail.html, "nothing is fetched when the mail is opened"
