"""A real mail server and a real webhook for the tests, each on a loopback port, made to fail on demand."""

import asyncio
import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.server import free_port
from tests.waiting import until

LOGIN = ("roster", "a made-up password")
LINK = re.compile(r"https?://\S+")
HOLD_SECONDS = 60


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived, with its envelope."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def id(self) -> str:
        """The outbox's id, which is the left part of the Message-ID."""
        return str(self.message["Message-ID"]).strip("<>").partition("@")[0]

    @property
    def text(self) -> str:
        """The plain-text body."""
        return str(self.body("plain"))

    @property
    def html(self) -> str:
        """The HTML body."""
        return str(self.body("html"))

    def body(self, form: str) -> Any:
        """One of the two bodies, decoded."""
        part = cast("EmailMessage | None", self.message.get_body((form,)))
        assert part is not None, self.message
        return part.get_content()

    @property
    def link(self) -> str:
        """The only address in the text."""
        (link,) = LINK.findall(self.text)
        return str(link)

    @property
    def token(self) -> str:
        """What stands behind the link's #token=."""
        return self.link.partition("#token=")[2]


@dataclass
class MailServer:
    """What arrived, and how to be unkind.

    `replies`: refusals still to be given, by command; `held`: a command that is not answered until `go_on` is set;
    `cut`: how many times to break the connection in the middle of DATA, `cut_kept`: only one that has brought a mail
    before. `seen` counts commands by name.
    """

    port: int
    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    with_login: bool = False
    mails: list[Mail] = field(default_factory=list)
    replies: dict[str, deque[str]] = field(default_factory=dict)
    held: str | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    cut: int = 0
    cut_kept: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    async def answer(self, command: str, otherwise: str) -> str:
        """The reply to a command, when it may go."""
        self.seen[command] = self.seen.get(command, 0) + 1
        if self.held == command:
            await asyncio.to_thread(self.go_on.wait, HOLD_SECONDS)
        waiting = self.replies.get(command)
        return waiting.popleft() if waiting else otherwise

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """The greeting."""
        session.host_name = hostname
        await self.answer("EHLO", "")
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient."""
        reply = await self.answer("RCPT", "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A whole mail; it counts as arrived before it is answered."""
        reply = self.replies["DATA"].popleft() if self.replies.get("DATA") else "250 OK"
        if reply.startswith("250"):
            content = message_from_bytes(cast(bytes, envelope.content), policy=default)
            self.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, content))
        await self.answer("DATA", "")
        return reply

    def to(self, address: str, count: int = 1, seconds: float = 60) -> list[Mail]:
        """Wait until that many mails have arrived for an address, and return all that have."""
        return until(
            lambda: found if len(found := [m for m in self.mails if m.recipients == [address]]) >= count else [],
            seconds,
            f"{count} mail(s) to {address}",
        )

    def environment(self, **more: str) -> dict[str, str]:
        """The service's settings for this server."""
        mode = "tls" if self.tls else "starttls" if self.starttls else "none"
        settings = {
            "PGROSTER_SMTP_HOST": "127.0.0.1",
            "PGROSTER_SMTP_PORT": str(self.port),
            "PGROSTER_SMTP_TLS": mode,
            "PGROSTER_MAIL_FROM": "Rüegg & Söhne <accounts@example.org>",
        }
        if self.with_login:
            settings |= {"PGROSTER_SMTP_USERNAME": LOGIN[0], "PGROSTER_SMTP_PASSWORD": LOGIN[1]}
        return settings | more


class _Smtp(SMTP):
    """Breaks the connection in the middle of DATA as often as it is told to."""

    _mails = 0

    async def smtp_DATA(self, arg: str) -> None:
        behind = cast(MailServer, self.event_handler)
        if not behind.cut or (behind.cut_kept and not self._mails):
            await super().smtp_DATA(arg)
            self._mails += 1
            return
        behind.cut -= 1
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        cast(asyncio.Transport, self.transport).abort()


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else ()
    return AuthResult(success=given == LOGIN, handled=False)


@contextmanager
def listening(server: MailServer) -> Iterator[MailServer]:
    """Run a mail server on its port; what is held goes on at the end."""
    more: dict[str, Any] = {"authenticator": _login, "auth_required": True} if server.with_login else {}
    controller = _Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ssl_context=server.tls,
        tls_context=server.starttls,
        require_starttls=server.starttls is not None,
        auth_require_tls=server.starttls is not None,
        enable_SMTPUTF8=True,
        **more,
    )
    controller.start()
    try:
        yield server
    finally:
        server.go_on.set()
        controller.stop()


def certificate(authority: trustme.CA) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@dataclass
class Webhook:
    """Takes texts for telephones. `statuses` are answered first, then 204."""

    port: int
    texts: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)

    def to(self, number: str, count: int = 1) -> list[dict[str, str]]:
        """Wait until that many texts have arrived for a number."""
        return until(
            lambda: found if len(found := [t for t in self.texts if t["to"] == number]) >= count else [],
            60,
            f"{count} text(s) to {number}",
        )


@contextmanager
def receiving(webhook: Webhook) -> Iterator[Webhook]:
    """Run a webhook on its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = webhook.statuses.popleft() if webhook.statuses else 204
            webhook.tokens.append(self.headers["Authorization"])
            if status < 300:
                webhook.texts.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", webhook.port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def mail_server(**how: Any) -> Iterator[MailServer]:
    """A mail server on a free port."""
    with listening(MailServer(free_port(), **how)) as server:
        yield server
