"""Texts and mails by themselves: what a payload can't do to a mail, and how a wrong text is found before it is sent."""

import shutil
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.mail import (
    TEMPLATES,
    DeliveryError,
    Kind,
    Message,
    compose,
    environment,
    files_of,
    mistakes,
    render,
    sender,
    variables,
)
from api.settings import OperatorError, Settings, load
from tests.databases import TestDatabase

AUTHOR = Address("Example", "accounts", "example.org")
LINK = "https://www.example.com/{action}?t={token}"


def message(template: str = "email_changed", recipient: str = "ann@example.com", **payload: Any) -> Message:
    """A claimed message."""
    told = {"service_name": "pgroster", "username": "ann", "new_email": "new@example.com"} | payload
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    channel = "sms" if template == "verify_phone" else "email"
    return Message(UUID(int=7), 1, channel, template, recipient, told, when)


def mail(of: Message, encoding: str = "quoted-printable") -> Any:
    """A message as its receiver sees it."""
    composed = compose(of, render(environment(), of, LINK), AUTHOR, encoding)
    return message_from_bytes(composed.as_bytes(), policy=default)


@pytest.fixture(scope="module")
def kinds(module_database: TestDatabase) -> list[Kind]:
    """The messages that the database declares."""
    rows = module_database.admin.execute("select template, channel, keys from http.messages()").fetchall()
    return [Kind(template, channel, frozenset(keys)) for template, channel, keys in rows]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The texts, to be spoilt."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def test_texts_and_messages_fit_each_other(kinds: list[Kind]) -> None:
    assert list(mistakes(environment(), kinds)) == []
    assert len(kinds) >= 8


def test_each_wrong_text_is_named(kinds: list[Kind], copy: Path) -> None:
    (copy / "invitation.html").unlink()
    (copy / "verify_phone.txt").write_text("Your code for {{ service_name }} is on its way.")
    (copy / "password_changed.txt").write_text("Hello {{ username }}")
    (copy / "email_changed.html").write_text("{% extends '_layout.html' %}{% block text %}{{ new_mail }}{% endblock %}")
    (copy / "reset_password.txt").write_text("Subject: {% if %}")
    (copy / "happy_birthday.txt").write_text("Subject: Yes")
    assert sorted(mistakes(environment(copy), kinds)) == [
        "templates/email_changed.html: leaves out new_email",
        "templates/email_changed.html: uses new_mail, which email_changed is not told",
        "templates/happy_birthday.txt: belongs to no message of the database",
        "templates/invitation.html: is missing",
        "templates/password_changed.txt: does not begin with a line Subject: …",
        "templates/reset_password.txt: Expected an expression, got 'end of statement block'",
        "templates/verify_phone.txt: leaves out code",
    ]


def test_a_text_that_is_not_there_leaves_the_message_to_a_newer_service(copy: Path) -> None:
    with pytest.raises(DeliveryError, match="TemplateNotFound") as caught:
        render(environment(), message("happy_birthday"), LINK)
    assert not caught.value.is_final
    with pytest.raises(DeliveryError, match="UndefinedError"):
        render(environment(), Message(UUID(int=1), 1, "email", "email_changed", "a@b.ch", {}, datetime.now(UTC)), LINK)


@pytest.mark.parametrize(
    "value",
    [
        "x\r\nBcc: eve@example.com", "x\nX-Spam: no\n\nbody", "x\r\n\r\n<h1>", "\u2028Bcc: eve",
        "=?utf-8?q?x=0d=0aBcc=3a_eve=40example.com?=",
    ],
)  # fmt: skip
def test_no_value_of_a_payload_makes_a_header(value: str) -> None:
    for key in ("service_name", "username", "new_email"):
        seen = mail(message(**{key: value}))
        assert seen.keys() == [
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
        ]  # fmt: skip
        assert len(seen["To"].addresses) == 1
        assert seen.get_body(("plain",)) is not None and seen.get_body(("html",)) is not None


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com\r\nBcc: eve@example.com", "ann@example.com\nX: y", "ann@exa\rmple.com", "ann@b..ü",
        "=?utf-8?q?ann=0d=0aBcc=3a_eve=40example.com?=@example.com", "ann@=?x?q?=0d=0aX=3a_y?=.example.com",
        "=?utf-8?b?YW5uQGV4YW1wbGUuY29tDQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=@example.com",
    ],
)  # fmt: skip
def test_a_recipient_that_no_mail_can_have_is_given_up(recipient: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        mail(message(recipient=recipient))
    assert caught.value.is_final and "eve" not in caught.value.reason


@pytest.mark.parametrize(
    ("recipient", "seen_as"),
    [
        ("ann@example.com", "ann@example.com"),
        ("o'hara+news@example.com", "o'hara+news@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@EXAMPLE.com", "ann@EXAMPLE.com"),
    ],
)
def test_a_recipient_is_written_as_mail_servers_know_it(recipient: str, seen_as: str) -> None:
    assert [str(address) for address in mail(message(recipient=recipient))["To"].addresses] == [seen_as]


@pytest.mark.parametrize("template", ["verify_email", "reset_password", "email_already_used", "username_already_used"])
def test_what_goes_to_an_address_that_nobody_has_verified_has_no_word_that_a_stranger_chose(template: str) -> None:
    """BR-119: whoever registers an address that is not theirs names the account after a page of theirs."""
    told = {name for file in files_of(template, "email") for name in variables(environment(), file)}
    assert told <= {"service_name", "link"}


def test_values_are_escaped_in_html_and_plain_in_text() -> None:
    seen = mail(message(new_email='<img src="//evil.example">&@x.ch', service_name="Rüegg & Söhne"))
    html, text = (seen.get_body((form,)).get_content() for form in ("html", "plain"))
    assert "<img" not in html and "&lt;img" in html and "Rüegg &amp; Söhne" in html
    assert "Rüegg & Söhne" in text and '<img src="//evil.example">&@x.ch' in text
    assert "Rüegg & Söhne" in seen["Subject"]


def test_the_link_carries_the_token_and_nothing_else_does() -> None:
    token = "T-o_k" * 9
    text = render(environment(), message("reset_password", token=token), LINK)
    link = f"https://www.example.com/reset_password?t={token}"
    assert link in text.plain and f'href="{link}"' in (text.html or "")
    assert text.plain.count(token) == 1
    assert token not in (text.subject or "")


def test_another_attempt_makes_the_same_mail() -> None:
    first, second = mail(message()), mail(message())
    for header in ("Message-ID", "Date", "Subject", "From", "To"):
        assert first[header] == second[header]


def test_every_mail_can_pass_a_server_of_seven_bits(kinds: list[Kind]) -> None:
    for kind in kinds:
        if kind.channel == "email":
            seen = message(kind.template, **dict.fromkeys(kind.keys, "ü" * 43))
            raw = compose(seen, render(environment(), seen, LINK), AUTHOR).as_bytes()
            assert raw.isascii()
            assert max(map(len, raw.split(b"\r\n"))) <= 998, "RFC 5322, 2.1.1"


def test_a_text_to_a_telephone_fits_into_one(kinds: list[Kind]) -> None:
    for kind in kinds:
        if kind.channel == "sms":
            text = render(environment(), message(kind.template, **dict.fromkeys(kind.keys, "123456")), LINK)
            assert (text.subject, text.html) == (None, None)
            assert files_of(kind.template, kind.channel) == [f"{kind.template}.txt"]
            assert len(text.plain) <= 160 and "\n" not in text.plain


def test_without_a_sender_mails_come_from_the_origins_host() -> None:
    assert sender(Settings(origin="https://accounts.example.org")).addr_spec == "no-reply@accounts.example.org"
    assert sender(Settings()).addr_spec == "no-reply@localhost"
    assert str(sender(Settings(mail_from="Bücher <post@bücher.example>"))) == "Bücher <post@xn--bcher-kva.example>"


SMTP = {"SMTP_HOST": "mail.example.org", "MAIL_FROM": "accounts@example.org"}


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"SMTP_HOST": "h"}, "PGROSTER_MAIL_FROM: is needed with PGROSTER_SMTP_HOST, like accounts@example.com"),
        ({"MAIL_FROM": "a@b.ch, c@d.ch"}, "PGROSTER_MAIL_FROM: is no sender like accounts@example.com"),
        ({"MAIL_FROM": "a@b.ch\nBcc: c@d.ch"}, "PGROSTER_MAIL_FROM: is no sender like"),
        ({"MAIL_FROM": "accounts"}, "PGROSTER_MAIL_FROM: is no sender like"),
        (SMTP | {"SMTP_USERNAME": "u"}, "PGROSTER_SMTP_USERNAME and PGROSTER_SMTP_PASSWORD: set both or neither"),
        (SMTP | {"SMTP_PASSWORD": "hunter2"}, "PGROSTER_SMTP_USERNAME and PGROSTER_SMTP_PASSWORD: set both or neither"),
        ({"SMTP_USERNAME": "u", "SMTP_PASSWORD": "hunter2"}, "PGROSTER_SMTP_USERNAME: has no meaning without"),
        (
            SMTP | {"SMTP_USERNAME": "u", "SMTP_PASSWORD": "hunter2", "SMTP_TLS": "none"},
            "PGROSTER_SMTP_TLS: none would send the password in clear text; use starttls or tls",
        ),
        ({"SMTP_TLS": "ssl"}, "PGROSTER_SMTP_TLS: input should be 'starttls', 'tls' or 'none'"),
        ({"SMTP_PORT": "0"}, "PGROSTER_SMTP_PORT: input should be greater than or equal to 1"),
        ({"SMS_TOKEN": "hunter2"}, "PGROSTER_SMS_TOKEN: has no meaning without PGROSTER_SMS_WEBHOOK"),
        ({"SMS_WEBHOOK": "http://sms.example.org/hunter2"}, "PGROSTER_SMS_WEBHOOK: is no address like https://"),
        ({"LINK_TEMPLATE": "https://www.example.com/"}, "PGROSTER_LINK_TEMPLATE: is no address like"),
        ({"LINK_TEMPLATE": "https://www.example.com/{token}/{name}"}, "PGROSTER_LINK_TEMPLATE: is no address like"),
        ({"LINK_TEMPLATE": "https://www.example.com/{token"}, "PGROSTER_LINK_TEMPLATE: is no address like"),
        ({"LINK_TEMPLATE": "javascript:{token}"}, "PGROSTER_LINK_TEMPLATE: is no address like"),
    ],
)
def test_settings_that_do_not_fit_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], line: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(f"PGROSTER_{name}", value)
    with pytest.raises(OperatorError) as caught:
        load()
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("mode", "port"), [("starttls", 587), ("TLS", 465), ("none", 25)])
def test_the_port_follows_from_the_kind_of_tls(monkeypatch: pytest.MonkeyPatch, mode: str, port: int) -> None:
    monkeypatch.setenv("PGROSTER_SMTP_TLS", mode)
    assert load().smtp_port == port


def test_no_secret_shows_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SMTP_USERNAME": "u",
        "SMTP_PASSWORD": "hunter2",
        "SMS_WEBHOOK": "https://x/hunter2",
        "SMS_TOKEN": "hunter2",
    }
    for name, value in (SMTP | secrets).items():
        monkeypatch.setenv(f"PGROSTER_{name}", value)
    assert "hunter2" not in repr(load()) + str(load())
