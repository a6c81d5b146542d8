"""What an operator can set by environment variables, checked when a command starts.

Everything that changes the rules (token lifetimes, lockout, registration mode) is a row in the database instead.
"""

import difflib
import os
import re
import resource
import secrets
import sys
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from api import ROOT
from api.mail_settings import MailSettings
from api.private_files import make_private, write_secret

Network = IPv4Network | IPv6Network
PREFIX = "PGROSTER_"
SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the directory in which several workers keep their counts together; set by the service for its workers."""
CONNECTIONS = 2000
"""Connections of clients that a process keeps if its limit of open files allows it; each may take 200 KiB."""
OTHER_FILES = 128
"""Files that a process has open besides its connections, with some to spare."""
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class OperatorError(Exception):
    """A failure that the operator can mend: the message is one line that says what to do, never a traceback."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Settings(MailSettings):
    """The environment, read once; use `load()`, which explains a bad value in one line."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        repr=False,
        description="external server, 15 to 18; else the embedded one",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="port to listen on")
    workers: int = Field(default=1, ge=1, le=256, description="processes that answer requests")
    origin: str = Field(
        default_factory=lambda data: local_url(data.get("host", ""), data.get("port", 0)),
        description="where clients find the service: issuer of tokens, start of links (http://HOST:PORT)",
    )
    audience: str = Field(default="pgroster", min_length=1, description="audience of the tokens")
    var: Path = Field(default=ROOT / "var", description="directory for data, keys and secrets (./var)")
    authenticator_password: str | None = Field(
        default=None,
        min_length=8,
        repr=False,
        description="of the service's login at DATABASE_URL; else made and kept in VAR",
    )
    pool_size: int = Field(default=8, ge=1, le=1000, description="database connections of each process")
    hash_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=1024, description="passwords hashed at once (one a CPU)"
    )
    hash_queue: int = Field(default=64, ge=0, description="passwords that may wait to be hashed; beyond, 503")
    # OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, two passes, one lane is the least to accept.
    argon2_memory_kib: int = Field(default=19456, ge=19456, le=4194304, description="memory of a password hash, KiB")
    argon2_time_cost: int = Field(default=2, ge=2, le=100, description="passes of a password hash")
    argon2_parallelism: int = Field(default=1, ge=1, le=64, description="lanes of a password hash")
    log_format: Literal["json", "console"] = Field(
        default_factory=lambda: "console" if sys.stderr.isatty() else "json",
        description="json or console (console on a terminal)",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="networks whose X-Forwarded-For counts, like 10.0.0.0/8,::1 (none)"
    )
    metrics_clients: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="networks that may read /metrics, like 10.0.0.0/8 (127.0.0.0/8,::1)",
    )
    request_timeout: float = Field(
        default=20.0, ge=0.5, le=600, description="seconds in which a request has to arrive, head and body"
    )
    client_connections: int = Field(
        default_factory=lambda data: connections_allowed(data.get("pool_size", 0)),
        ge=1,
        le=100_000,
        description=f"connections of clients to each process ({CONNECTIONS}, or what the limit of open files allows)",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="origins whose pages may call the API, like https://app.example.org,… (none)"
    )
    reload_poll: float = Field(
        default=5.0, ge=0.1, le=3600, description="seconds between two looks for new functions and keys"
    )

    @field_validator("database_url")
    @classmethod
    def _is_conninfo(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            conninfo_to_dict(value)
        except ProgrammingError as error:
            raise ValueError("is no PostgreSQL address like postgresql://user@host:5432/user_management") from error
        return value

    @field_validator("var")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("trusted_proxies", "metrics_clients", mode="before")
    @classmethod
    def _are_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise ValueError(f"is no list of networks like 10.0.0.0/8,::1/128 ({error})") from error

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _are_origins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        origins = tuple(part.strip() for part in value.split(",") if part.strip())
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("is no list of origins as browsers write them, like https://app.example.org,…")
        return origins

    @field_validator("origin")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is no origin like https://accounts.example.com (no path)")
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def sealing_keys(self) -> Path:
        """Directory of the keys that encrypt the secrets of second factors."""
        return self.var / "secrets" / "sealing"


def local_url(host: str, port: int) -> str:
    """The address to try from this machine; a host that means "all interfaces" becomes the loopback one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def connections_allowed(pool_size: int) -> int:
    """How many connections of clients a process may have by the limit of open files, which can be raised up to that."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    free = CONNECTIONS if limit == resource.RLIM_INFINITY else limit - pool_size - OTHER_FILES
    return max(1, min(CONNECTIONS, free))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return str(Settings.model_fields[name].validation_alias or f"{PREFIX}{name}".upper())


def described() -> Iterator[tuple[str, str]]:
    """All settings, those about messages last: the variable, and what it is with its default."""
    for name, field in sorted(Settings.model_fields.items(), key=lambda item: item[0] in MailSettings.model_fields):
        default = field.default
        shown = f" ({default})" if isinstance(default, str | int | float) else ""
        yield variable(name), f"{field.description}{shown}"


def listing() -> str:
    """The same as text."""
    return "\n".join(f"  {name:<33}{meaning}" for name, meaning in described())


def load() -> Settings:
    """Read the environment. Raises OperatorError (exit code 2) that names the first bad variable."""
    known = {variable(name) for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"the known ones are {', '.join(sorted(known))}"
            raise OperatorError(f"{name} is no setting; {hint}", 2)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # settings that do not fit together; the reason names them
            raise OperatorError(reason, 2) from None
        name = str(first["loc"][0])
        name = variable(name) if name in Settings.model_fields else name
        raise OperatorError(f"{name}: {reason[0].lower()}{reason[1:]}", 2) from None


def authenticator_password(settings: Settings) -> str:
    """The password of the service's database login: the one set, else one made on first use and kept in VAR/secrets.

    Raises OperatorError where the file can't be read or made.
    """
    if settings.authenticator_password is not None:
        return settings.authenticator_password
    path = settings.var / "secrets" / "authenticator"
    try:
        if not path.exists():
            make_private(path.parent)
            write_secret(path, secrets.token_urlsafe(32).encode())
        return path.read_text().strip()
    except OSError as error:
        raise OperatorError(
            f"{path}: {error.strerror}; run as its owner, or set {PREFIX}AUTHENTICATOR_PASSWORD"
        ) from None
