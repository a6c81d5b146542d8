"""Delivery in bad times: servers that refuse, break off or are away, workers that die, and several of them at once."""

import json
import os
import signal
import ssl
import stat
from collections import Counter, deque
from pathlib import Path

import psycopg
import pytest
import trustme

from tests.commands import Installation
from tests.databases import TestDatabase
from tests.mailserver import LOGIN, MailServer, certificate, listening, mail_server
from tests.outbox import failed, later, message, messages, occurrences, send, sent, wake
from tests.people import Person, one
from tests.server import Service, StartService, free_port, serving
from tests.waiting import until


def registered(service: Service) -> Person:
    """Somebody whose verification mail is on its way."""
    ann = Person(service)
    assert ann.register().status_code == 201
    return ann


def connections(service: Service) -> int:
    """How many connections the service has to the database."""
    return int(one(service, "select count(*) from pg_stat_activity where usename = 'roster_authenticator'"))


@pytest.mark.parametrize(
    ("command", "reply", "reason"),
    [
        ("RCPT", "451 4.3.0 <ann@example.com> try later", "the recipient was answered 451 4.3.0"),
        ("RCPT", "550 5.7.1 relaying for ann@example.com denied", "the recipient was answered 550 5.7.1"),
        ("DATA", "452 no room for ann@example.com", "the message was answered 452"),
    ],
)
def test_what_is_refused_for_now_is_sent_later_and_once(
    start_service: StartService, command: str, reply: str, reason: str
) -> None:
    with mail_server(replies={command: deque([reply])}) as post:
        service = start_service(**post.environment())
        ann = registered(service)
        row = failed(service, ann.id, 1)
        assert row["last_error"] == reason, "the server's own words may name people"
        assert 25 < (row["next_attempt_at"] - row["created_at"]).total_seconds() < 35
        assert row["payload"] and row["recipient"] == ann.email
        with later(service, "31 seconds"):
            (mail,) = post.to(ann.email)
        row = sent(service, mail.id)
        assert (row["attempts"], row["last_error"], row["payload"], row["recipient"]) == (2, None, None, None)


@pytest.mark.parametrize(("command", "reply"), [("RCPT", "550 5.1.1 <ann> unknown"), ("DATA", "554 no thanks, ann")])
def test_what_is_refused_for_good_is_given_up_at_once_and_erased(
    start_service: StartService, command: str, reply: str
) -> None:
    with mail_server(replies={command: deque([reply])}) as post:
        service = start_service(**post.environment())
        ann = registered(service)
        row = failed(service, ann.id, 1)
        assert row["failed_at"] is not None
        assert (row["payload"], row["recipient"], row["next_attempt_at"], row["sent_at"]) == (None,) * 4
        with psycopg.connect(service.admin_dsn, autocommit=True) as dba:
            dba.execute("set role roster_dba")
            dead = dba.execute(
                "select template, attempts, last_error from app.outbox where failed_at is not null"
            ).fetchall()
            assert [(name, attempts) for name, attempts, _ in dead] == [("verify_email", 1)]
            assert "ann" not in dead[0][2]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                dba.execute("select payload from app.outbox")
        with later(service, "1 day"):
            send(service, ann.id, "other@example.com")
            post.to("other@example.com")
        assert [m for m in post.mails if m.recipients == [ann.email]] == []


def test_a_connection_that_breaks_in_the_middle_of_a_mail_costs_one_attempt(start_service: StartService) -> None:
    with mail_server(cut=1) as post:
        service = start_service(**post.environment())
        ann = registered(service)
        assert failed(service, ann.id, 1)["last_error"].startswith("the mail server was lost or not reached")
        with later(service, "31 seconds"):
            (mail,) = post.to(ann.email)
        assert sent(service, mail.id)["attempts"] == 2


def test_a_kept_connection_that_the_server_ended_costs_none(start_service: StartService) -> None:
    with mail_server(held="DATA", cut_kept=True) as post:
        service = start_service(**post.environment())
        ann = registered(service)
        until(lambda: post.seen.get("DATA"), 60, "the first mail is under way")
        # All lanes have a mail in their hands; the next ones wait, and go out over the connections that are kept.
        send(service, ann.id, "many@example.com", 11)
        until(lambda: post.seen["DATA"] == 4, 60, "four at a time")
        post.cut = 2
        post.held = None
        post.go_on.set()
        post.to("many@example.com", 11)
        until(lambda: one(service, "select count(*) from app.outbox where sent_at is not null") == 12, 60, "all done")
        assert one(service, "select max(attempts) from app.outbox") == 1
        assert post.seen["EHLO"] == 4 + 2
        assert max(Counter(m.id for m in post.mails).values()) == 1


def test_mail_waits_for_a_server_that_is_away(start_service: StartService) -> None:
    post = MailServer(free_port())
    service = start_service(**post.environment())
    ann = registered(service)
    assert failed(service, ann.id, 1)["last_error"].endswith("ConnectionRefusedError")
    with later(service, "31 seconds"):
        failed(service, ann.id, 2)
    with listening(post), later(service, "2 minutes"):
        (mail,) = post.to(ann.email)
        assert sent(service, mail.id)["attempts"] == 3


def test_the_last_attempt_leaves_a_dead_letter_and_no_token(start_service: StartService) -> None:
    with mail_server(held="EHLO") as post:
        service = start_service(**post.environment())
        ann = registered(service)
        until(lambda: post.seen.get("EHLO"), 60, "the mail is under way")
        payload = messages(service, ann.id)[0]["payload"]
        assert occurrences(service.database, payload["token"]) == {"app.outbox.payload"}
        service.database.execute("update app.outbox set attempts = 15")
        post.replies["RCPT"] = deque(["451 later"] * 2)
        post.held = None
        post.go_on.set()
        # The attempt that was under way was the first; the database knows that it is not the fifteenth that failed.
        until(lambda: "was not delivered" in service.log.read_text(), 60, "it failed")
        assert messages(service, ann.id)[0]["failed_at"] is None
        service.database.execute("update app.outbox set attempts = 14, next_attempt_at = private.now()")
        wake(service)
        row = failed(service, ann.id, 60)
        assert row["failed_at"] and row["payload"] is None and row["recipient"] is None
        assert occurrences(service.database, payload["token"]) == set()
        assert '"given_up": true' in service.log.read_text()
        assert ann.email not in service.log.read_text()


def test_a_link_that_is_dead_is_not_mailed_after_an_outage(start_service: StartService) -> None:
    post = MailServer(free_port())
    service = start_service(**post.environment())
    ann = registered(service)
    failed(service, ann.id, 1)
    for _ in range(2):
        assert ann.client.post("/v1/auth/password/forgot", json={"email": ann.email}).status_code == 202
    with listening(post), later(service, "30 minutes"):
        until(lambda: all(row["next_attempt_at"] is None for row in messages(service, ann.id)), 60, "all three done")
        mails = post.to(ann.email, 2)
    verification, older, newest = messages(service, ann.id)
    assert {m.id for m in mails} == {str(verification["id"]), str(newest["id"])}
    assert (older["last_error"], older["payload"]) == ("its token is not valid any more", None)


def test_a_worker_that_is_killed_loses_no_message_and_doubles_none(
    database: TestDatabase, tmp_path: Path, start_service: StartService
) -> None:
    with mail_server(held="EHLO") as post:
        with serving(database, tmp_path, **post.environment()) as first:
            ann = registered(first)
            until(lambda: post.seen.get("EHLO"), 60, "claimed, and on the way to the server")
            assert messages(first, ann.id)[0]["attempts"] == 1
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        post.held = None
        post.go_on.set()
        second = start_service(**post.environment())
        send(second, ann.id, "after@example.com")
        post.to("after@example.com")
        assert [m for m in post.mails if m.recipients == [ann.email]] == [], "the dead worker's claim still holds"
        with later(second, "121 seconds"):
            (mail,) = post.to(ann.email)
            row = sent(second, mail.id)
        assert (row["attempts"], row["payload"]) == (2, None)
        assert Counter(m.id for m in post.mails)[mail.id] == 1


def test_a_worker_that_is_killed_after_the_servers_yes_repeats_the_same_message_id(
    database: TestDatabase, tmp_path: Path, start_service: StartService
) -> None:
    """The one gap, which SMTP leaves to everybody: receivers can tell the two for one."""
    origin = {"PGROSTER_ORIGIN": "https://accounts.example.org"}
    with mail_server(held="DATA") as post:
        with serving(database, tmp_path, **post.environment(), **origin) as first:
            ann = registered(first)
            post.to(ann.email)
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        post.held = None
        post.go_on.set()
        second = start_service(**post.environment(), **origin)
        with later(second, "121 seconds"):
            one_mail, same = post.to(ann.email, 2)
            sent(second, same.id)
        assert one_mail.message["Message-ID"] == same.message["Message-ID"]
        assert one_mail.message["Date"] == same.message["Date"]
        assert one_mail.text == same.text


def test_a_database_that_is_lost_while_a_mail_goes_out_hears_of_it_later(start_service: StartService) -> None:
    with mail_server(held="DATA") as post:
        service = start_service(**post.environment())
        ann = registered(service)
        (mail,) = post.to(ann.email)
        service.database.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'roster_authenticator'"
        )
        post.held = None
        post.go_on.set()
        row = sent(service, mail.id)
        assert "messages wait for the database" in service.log.read_text()
        assert (row["attempts"], row["payload"]) == (1, None)
        with later(service, "1 hour"):
            send(service, ann.id, "after@example.com")
            post.to("after@example.com")
        assert Counter(m.id for m in post.mails)[mail.id] == 1


def test_a_service_that_stops_finishes_what_it_has_begun(start_service: StartService) -> None:
    with mail_server(held="DATA") as post:
        service = start_service(**post.environment())
        ann = registered(service)
        (mail,) = post.to(ann.email)
        before = connections(service)
        service.process.send_signal(signal.SIGTERM)
        until(lambda: connections(service) < before, 60, "what runs in the background was told to stop")
        post.go_on.set()
        assert service.process.wait(30) == 0
        assert message(service, mail.id)["sent_at"] is not None


def test_two_services_send_each_message_once(database: TestDatabase, tmp_path: Path) -> None:
    directories = [tmp_path / "first", tmp_path / "second"]
    for directory in directories:
        directory.mkdir()
    with (
        mail_server() as post,
        serving(database, directories[0], **post.environment(PGROSTER_WORKERS="2")) as first,
        serving(database, directories[1], **post.environment()) as second,
    ):
        ann = registered(first)
        send(first, ann.id, "many@example.com", 120)
        post.to("many@example.com", 120, 60)
        until(lambda: one(first, "select count(*) from app.outbox where sent_at is null") == 0, 60, "all marked")
        assert Counter(Counter(m.id for m in post.mails).values()) == {1: 121}
        assert one(first, "select max(attempts) from app.outbox") == 1
        shares = [s.log.read_text().count("a message was delivered") for s in (first, second)]
        assert sum(shares) == 121 and min(shares) > 0, shares


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the mail servers' certificates."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The environment of a service that trusts that authority."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return {"SSL_CERT_FILE": str(file)}


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_a_server_with_tls_and_a_login_gets_the_mail(
    start_service: StartService, authority: trustme.CA, trusted: dict[str, str], mode: str
) -> None:
    with mail_server(with_login=True, **{mode: certificate(authority)}) as post:
        service = start_service(**post.environment(), **trusted)
        ann = registered(service)
        (mail,) = post.to(ann.email)
        sent(service, mail.id)
        assert LOGIN[1] not in service.log.read_text()


def test_a_wrong_password_at_the_mail_server_is_told_and_mended_later(
    database: TestDatabase,
    tmp_path: Path,
    start_service: StartService,
    authority: trustme.CA,
    trusted: dict[str, str],
) -> None:
    with mail_server(with_login=True, starttls=certificate(authority)) as post:
        wrong = post.environment(PGROSTER_SMTP_PASSWORD="not the password")
        with serving(database, tmp_path, **wrong, **trusted) as first:
            ann = registered(first)
            row = failed(first, ann.id, 1)
            assert row["last_error"].startswith("the login was answered 535")
            assert row["failed_at"] is None
            assert "not the password" not in first.log.read_text()
        service = start_service(**post.environment(), **trusted)
        with later(service, "31 seconds"):
            post.to(ann.email)


def test_the_doctor_knocks_at_the_mail_server_without_sending(
    database: TestDatabase, tmp_path: Path, authority: trustme.CA, trusted: dict[str, str]
) -> None:
    def checked(environment: dict[str, str]) -> dict[str, str]:
        more = environment | trusted | {"DATABASE_URL": database.admin_dsn}
        answer = Installation(tmp_path / "var", more=more).run("doctor", "--json").stdout
        assert LOGIN[1] not in answer
        return next(check for check in json.loads(answer) if check["name"] == "mail server")

    with mail_server(with_login=True, starttls=certificate(authority)) as post:
        assert checked(post.environment())["state"] == "ok"
        wrong = checked(post.environment(PGROSTER_SMTP_PASSWORD="not the password"))
        assert wrong["state"] == "fail" and "the login was answered 535" in wrong["found"]
        assert post.mails == []
    assert "ConnectionRefusedError" in checked(post.environment())["found"]


@pytest.mark.parametrize(
    ("server", "client", "reason"),
    [
        ("tls", "tls", "certificate"),
        ("starttls", "starttls", "certificate"),
        (None, "starttls", "STARTTLS extension not supported"),
        (None, "tls", "SSLError"),
    ],
)
def test_nothing_is_said_to_a_server_that_cannot_be_trusted(
    start_service: StartService, authority: trustme.CA, server: str | None, client: str, reason: str
) -> None:
    how: dict[str, ssl.SSLContext] = {server: certificate(authority)} if server else {}
    with mail_server(**how) as post:
        service = start_service(**post.environment(PGROSTER_SMTP_TLS=client))
        ann = registered(service)
        row = failed(service, ann.id, 1)
        assert reason in row["last_error"] and row["failed_at"] is None
        assert post.seen.get("RCPT") is None


def test_without_a_mail_server_messages_stay_in_files_that_only_the_owner_reads(service: Service) -> None:
    ann = registered(service)
    assert ann.login().status_code == 200
    assert ann.post("/v1/me/phone", {"phone": "+41791234567"}).status_code == 202
    until(lambda: all(row["sent_at"] for row in messages(service, ann.id)), 60, "written")
    rows = messages(service, ann.id)
    mail, text = service.var / "mail" / f"{rows[0]['id']}.eml", service.var / "sms" / f"{rows[1]['id']}.txt"
    for path in (mail, text):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.stat().st_uid == os.geteuid()
    written = mail.read_text()
    assert f"To: {ann.email}\n" in written
    (line,) = [line for line in written.splitlines() if line.startswith(service.base_url)]
    token = line.partition("#token=")[2]
    assert ann.client.post("/v1/auth/email/verify", json={"token": token}).status_code == 204
    assert text.read_text().startswith("To: +41791234567\n")
    assert occurrences(service.database, token) == set()
    assert service.log.read_text().count(str(service.var / "mail")) == 1, "the console says once where they are"


def test_a_message_without_a_text_keeps_the_service_from_starting(
    database: TestDatabase, start_service: StartService
) -> None:
    database.admin.execute(
        """create or replace function http.messages() returns table (template text, channel text, keys text[])
           language sql immutable as
           $$ values ('verify_email', 'email', array['token', 'age']), ('happy_birthday', 'email', array['age']) $$"""
    )
    with pytest.raises(AssertionError, match="the service ended") as caught:
        start_service()
    assert "templates/happy_birthday.txt: is missing" in str(caught.value)
    assert "templates/verify_email.txt: leaves out age" in str(caught.value)
    assert "templates/verify_phone.txt: belongs to no message" in str(caught.value)
