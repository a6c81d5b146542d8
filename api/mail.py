"""What a message says: a text from `api/templates`, filled with its payload, and put into a mail.

`templates/<name>.txt` is required for each message; a mail's begins with its Subject line and has `<name>.html`
beside it. Which messages exist, and what each is told, is in the database (`http.messages()`); `mistakes()` holds
the texts against that list before the first message goes out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

import idna
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    meta,
    select_autoescape,
)

from api import ROOT
from api.mail_settings import LOOPBACK, mailbox
from api.settings import Settings

TEMPLATES = ROOT / "api" / "templates"
COMMON = frozenset({"service_name", "username"})
"""What every payload holds."""
SECRET = "token"  # noqa: S105 - the name of a key
"""A payload with this key is told `link` instead: where the token is used."""
ENCODED_WORD = "=?"
"""How text begins that stands for other text (RFC 2047, 2); Python decodes it in a header, into more lines even."""
SUBJECT = "Subject: "
SMS = "sms"
"""The channel of texts to telephones; the messages of any other are mails."""


class DeliveryError(Exception):
    """A message did not go out. The reason is stored and logged, so it names no address and no secret.

    `is_final`: another attempt can't end better.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of message as the database declares it."""

    template: str
    channel: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this worker has claimed, in the order of the claim's columns."""

    id: UUID
    attempt: int
    channel: str
    template: str
    recipient: str
    payload: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says; only a mail has a subject and an HTML form."""

    subject: str | None
    plain: str
    html: str | None


def environment(directory: Path = TEMPLATES) -> Environment:
    """The templates of a directory: values are escaped in HTML, and an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(directory),
        autoescape=select_autoescape(["html"]),  # plain text has nothing to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def mistakes(templates: Environment, kinds: Iterable[Kind]) -> Iterator[str]:
    """Why texts and messages do not fit each other, a line each; nothing where they do."""
    expected: set[str] = set()
    for kind in kinds:
        told = {"link" if key == SECRET else key for key in kind.keys}
        for name in files_of(kind.template, kind.channel):
            expected.add(name)
            try:
                used = variables(templates, name)
                source = source_of(templates, name)
            except (TemplateNotFound, TemplateSyntaxError) as error:
                yield f"templates/{name}: {'is missing' if isinstance(error, TemplateNotFound) else error}"
                continue
            if unknown := used - told - COMMON:
                yield f"templates/{name}: uses {', '.join(sorted(unknown))}, which {kind.template} is not told"
            if left_out := told - used:
                yield f"templates/{name}: leaves out {', '.join(sorted(left_out))}"
            if kind.channel != SMS and name.endswith(".txt") and not source.startswith(SUBJECT):
                yield f"templates/{name}: does not begin with a line {SUBJECT}…"
    for name in sorted(set(templates.list_templates()) - expected):
        if not name.startswith("_"):
            yield f"templates/{name}: belongs to no message of the database"


def files_of(template: str, channel: str) -> list[str]:
    """The files that a message is made from."""
    return [f"{template}.txt", f"{template}.html"] if channel != SMS else [f"{template}.txt"]


def variables(templates: Environment, name: str) -> set[str]:
    """The names that a template expects, with those of the templates that it extends or imports."""
    tree = templates.parse(source_of(templates, name), filename=name)
    found = meta.find_undeclared_variables(tree)
    for reference in meta.find_referenced_templates(tree):
        if reference is not None:
            found |= variables(templates, reference)
    return found


def source_of(templates: Environment, name: str) -> str:
    """The text of a template file. Raises TemplateNotFound."""
    return cast(FileSystemLoader, templates.loader).get_source(templates, name)[0]


def render(templates: Environment, message: Message, link_template: str) -> Text:
    """Fill a message's templates. Raises DeliveryError where they do not fit it: a newer service may know them."""
    values = {name: value for name, value in message.payload.items() if name != SECRET}
    if SECRET in message.payload:
        values["link"] = link_template.format(action=message.template, token=message.payload[SECRET])
    try:
        filled = [templates.get_template(name).render(values) for name in files_of(message.template, message.channel)]
    except Exception as error:  # whatever a template can do wrong
        raise DeliveryError(f"its text could not be made: {type(error).__name__}") from error
    if message.channel == SMS:
        return Text(None, filled[0].strip(), None)
    head, _, body = filled[0].partition("\n")
    subject = " ".join(head.removeprefix(SUBJECT).split())
    return Text(subject, body.strip() + "\n", filled[1])


def sender(settings: Settings) -> Address:
    """Who mails come from: the configured sender, else an address of the origin's host, for files only."""
    if settings.mail_from is not None and (found := mailbox(settings.mail_from)):
        return Address(found.display_name, found.username, ascii_domain(found.domain))
    host = urlsplit(settings.origin).hostname or ""
    return Address(username="no-reply", domain="localhost" if host in LOOPBACK else host)


def compose(message: Message, text: Text, author: Address, encoding: str = "quoted-printable") -> EmailMessage:
    """A message as mail (RFC 5322). A second attempt makes the same Message-ID, so that receivers can tell.

    `encoding` is the body's: quoted-printable passes every server, 8bit is readable in a file. Raises DeliveryError
    for a recipient that no mail can have.
    """
    mail = EmailMessage(policy=SMTP)
    try:
        if ENCODED_WORD in message.recipient:
            raise ValueError
        username, _, domain = message.recipient.rpartition("@")
        mail["From"] = author
        mail["To"] = Address(username=username, domain=ascii_domain(domain))
    except ValueError:  # the address is in its text
        raise DeliveryError("no mail can be addressed to the recipient", is_final=True) from None
    mail["Subject"] = (text.subject or "").replace(ENCODED_WORD, "= ?")
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{author.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no vacation notes, please
    mail.set_content(text.plain, cte=encoding)
    mail.add_alternative(text.html, subtype="html", cte=encoding)
    return mail


def ascii_domain(domain: str) -> str:
    """A domain as servers know it (RFC 5891). Raises ValueError for one that can't be."""
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
