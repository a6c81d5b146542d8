"""The ways out for messages: an SMTP server, a webhook for texts to telephones, and files where neither is set.

Every failure is a DeliveryError whose reason holds reply codes and error classes only: servers quote addresses.
"""

import asyncio
import logging
import re
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import aiosmtplib
import httpx

from api.mail import SMS, DeliveryError, Message, Text, compose, sender
from api.private_files import make_private, write_secret
from api.settings import Settings

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells addresses at info, and a webhook's may be a secret
logging.getLogger("httpcore").setLevel(logging.WARNING)

SMTP_SECONDS = 30
"""How long the mail server may take to answer one command."""
WEBHOOK_SECONDS = 10
GOODBYE_SECONDS = 2
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_STAGES: dict[type[Exception], str] = {
    aiosmtplib.SMTPConnectResponseError: "the connection",
    aiosmtplib.SMTPHeloError: "the greeting",
    aiosmtplib.SMTPAuthenticationError: "the login",
    aiosmtplib.SMTPSenderRefused: "the sender",
    aiosmtplib.SMTPRecipientRefused: "the recipient",
    aiosmtplib.SMTPDataError: "the message",
}
FAILURES = (aiosmtplib.SMTPException, OSError, ValueError)
"""What aiosmtplib raises; a ValueError for an address that can't be sent safely."""
_OF_THE_MESSAGE = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)


async def connected(settings: Settings, tls: ssl.SSLContext) -> aiosmtplib.SMTP:
    """A connection to the mail server, with TLS and login as configured. Raises what aiosmtplib raises."""
    connection = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=settings.smtp_password,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        tls_context=None if settings.smtp_tls == "none" else tls,
        timeout=SMTP_SECONDS,
    )
    try:
        await connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


async def knock(settings: Settings) -> None:
    """Go to the mail server as far as the login. Raises DeliveryError."""
    try:
        await (await connected(settings, ssl.create_default_context())).quit()
    except FAILURES as error:
        raise explained(error) from None


class Outlet:
    """Sends messages one after the other; keeps the connection to the mail server between them until `close()`."""

    def __init__(self, settings: Settings, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._tls = tls
        self._author = sender(settings)
        self._smtp: aiosmtplib.SMTP | None = None

    async def send(self, message: Message, text: Text) -> None:
        """Hand a message over. Raises DeliveryError where that is not certain to have happened."""
        settings = self._settings
        if message.channel != SMS and settings.smtp_host:
            await self._mail(compose(message, text, self._author))
        elif message.channel != SMS:
            mail = compose(message, text, self._author, "8bit")
            content = mail.as_bytes(policy=SMTPUTF8.clone(linesep="\n"))
            await asyncio.to_thread(store, settings.var / "mail" / f"{message.id}.eml", content)
        elif settings.sms_webhook:
            await post(settings, self._tls, {"to": message.recipient, "text": text.plain, "id": str(message.id)})
        else:
            content = (
                f"To: {message.recipient}\nDate: {message.created_at:%Y-%m-%d %H:%M:%S%z}\n\n{text.plain}\n".encode()
            )
            await asyncio.to_thread(store, settings.var / "sms" / f"{message.id}.txt", content)

    async def close(self) -> None:
        """Take leave of the mail server."""
        connection, self._smtp = self._smtp, None
        if connection is not None:
            with suppress(aiosmtplib.SMTPException, OSError):
                await connection.quit(timeout=GOODBYE_SECONDS)
            connection.close()

    async def _mail(self, mail: EmailMessage) -> None:
        is_kept = self._smtp is not None
        try:
            await self._transmit(mail)
        except FAILURES as error:
            # A server may have ended the kept connection meanwhile; that says nothing about this mail.
            if not is_kept or not (isinstance(error, ConnectionError) or getattr(error, "code", None) == 421):
                raise explained(error) from None
            try:
                await self._transmit(mail)
            except FAILURES as again:
                raise explained(again) from None

    async def _transmit(self, mail: EmailMessage) -> None:
        connection, self._smtp = self._smtp or await connected(self._settings, self._tls), None
        try:
            recipient = mail["To"].addresses[0].addr_spec
            await connection.send_message(mail, sender=self._author.addr_spec, recipients=[recipient])
            self._smtp = connection  # kept after a success only
        finally:
            if self._smtp is None:
                connection.close()


async def post(settings: Settings, tls: ssl.SSLContext, body: dict[str, str]) -> None:
    """Post a text for a telephone to the webhook. Any 2xx is a success. Raises DeliveryError."""
    headers = {"Authorization": f"Bearer {settings.sms_token}"} if settings.sms_token else {}
    try:
        async with httpx.AsyncClient(verify=tls, timeout=WEBHOOK_SECONDS, headers=headers) as client:
            answer = await client.post(settings.sms_webhook or "", json=body)
    except httpx.HTTPError as error:
        raise DeliveryError(f"the webhook did not answer: {type(error).__name__}") from None
    if not answer.is_success:
        raise DeliveryError(f"the webhook answered {answer.status_code}")


def store(path: Path, content: bytes) -> None:
    """Write a message to a file that only this account can read. Raises DeliveryError."""
    try:
        make_private(path.parent)
        write_secret(path, content)
    except OSError as error:
        raise DeliveryError(f"it could not be written to {path.parent.name}/: {error.strerror}") from None


def explained(error: Exception) -> DeliveryError:
    """What went wrong at the mail server, without what it said.

    Final is a 5xx that is about this very message; one about the connection, the login or the sender (also as
    530 or with a policy code 5.7.x, RFC 3463) is the operator's to mend.
    """
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        enhanced = _ENHANCED.match(error.message)
        stage = next((name for kind, name in _STAGES.items() if isinstance(error, kind)), "a command")
        is_policy = error.code == 530 or (enhanced is not None and enhanced[0].startswith("5.7."))
        reply = f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
        is_final = error.code >= 500 and isinstance(error, _OF_THE_MESSAGE) and not is_policy
        return DeliveryError(f"{stage} was answered {reply}", is_final)
    if isinstance(error, aiosmtplib.SMTPNotSupported) or (
        isinstance(error, ValueError) and not isinstance(error, OSError)  # a certificate's error is both
    ):
        return DeliveryError("the mail server takes no such address", is_final=True)
    if type(error) is aiosmtplib.SMTPException:  # the library's own words: the server offers no STARTTLS, no login
        return DeliveryError(error.message.rstrip("."))
    cause = error.__cause__ or error
    detail = getattr(cause, "verify_message", None) or type(cause).__name__
    return DeliveryError(f"the mail server was lost or not reached: {detail}")
