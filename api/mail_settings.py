"""What an operator can set about messages to people; part of the settings."""

from email.headerregistry import Address
from email.policy import SMTP
from string import Formatter
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}  # RFC 6409, RFC 8314, RFC 5321
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailSettings(BaseSettings):
    """Mail and texts to telephones."""

    smtp_host: str | None = Field(
        default=None, min_length=1, description="mail server; without one mails are written to VAR/mail"
    )
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls from the first byte, or none"
    )
    smtp_port: int = Field(
        default_factory=lambda data: SMTP_PORTS.get(data.get("smtp_tls", ""), 0),
        ge=1,
        le=65535,
        description="port of the mail server (587, tls 465, none 25)",
    )
    smtp_username: str | None = Field(default=None, min_length=1, description="login at the mail server")
    smtp_password: str | None = Field(default=None, min_length=1, repr=False, description="password of that login")
    mail_from: str | None = Field(
        default=None, description="sender, like accounts@example.com or Example <accounts@example.com>"
    )
    sms_webhook: str | None = Field(
        default=None, repr=False, description="where texts are posted as JSON; else they are written to VAR/sms"
    )
    sms_token: str | None = Field(default=None, min_length=1, repr=False, description="bearer token of the webhook")
    link_template: str | None = Field(
        default=None, description="where mailed links lead, with {action} and {token}; else the built-in page"
    )

    @field_validator("smtp_tls", mode="before")
    @classmethod
    def _tls_in_lower_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("mail_from")
    @classmethod
    def _is_mailbox(cls, value: str | None) -> str | None:
        if value is not None and mailbox(value) is None:
            raise ValueError("is no sender like accounts@example.com or Example <accounts@example.com>")
        return value

    @field_validator("sms_webhook")
    @classmethod
    def _is_guarded_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        is_guarded = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not is_guarded or not parts.hostname:
            raise ValueError("is no address like https://sms.example.com/send (http only on this machine)")
        return value

    @field_validator("link_template")
    @classmethod
    def _is_link(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
        except ValueError:
            names = set()
        if "token" not in names or names - {"action", "token"} or not value.startswith(("http://", "https://")):
            raise ValueError("is no address like https://www.example.com/{action}?token={token}")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("PGROSTER_SMTP_USERNAME and PGROSTER_SMTP_PASSWORD: set both or neither")
        if self.smtp_username and not self.smtp_host:
            raise ValueError("PGROSTER_SMTP_USERNAME: has no meaning without PGROSTER_SMTP_HOST")
        if self.smtp_host and not self.mail_from:
            raise ValueError("PGROSTER_MAIL_FROM: is needed with PGROSTER_SMTP_HOST, like accounts@example.com")
        if self.smtp_username and self.smtp_tls == "none" and self.smtp_host not in LOOPBACK:
            raise ValueError("PGROSTER_SMTP_TLS: none would send the password in clear text; use starttls or tls")
        if self.sms_token and not self.sms_webhook:
            raise ValueError("PGROSTER_SMS_TOKEN: has no meaning without PGROSTER_SMS_WEBHOOK")
        return self


def mailbox(value: str) -> Address | None:
    """The one mailbox that a From header names (RFC 5322, 3.6.2); None where it is anything else."""
    try:
        header = SMTP.header_factory("From", value)
    except (ValueError, IndexError):  # how the parser says that it understands nothing
        return None
    if header.defects or len(header.addresses) != 1:
        return None
    found: Address = header.addresses[0]
    return found if found.username and found.domain else None
