"""The throw-away server of a test run, and its databases: a fresh one a test, cloned from a migrated template."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor

from api.embedded import Server, throwaway
from api.migrate import migrate
from tests import pgtap

_numbers = itertools.count(1)


@dataclass(frozen=True)
class TestDatabase:
    """A migrated database. `admin` is an open autocommit connection as superuser; `api_dsn` is the service's login."""

    __test__ = False

    name: str
    admin_dsn: str
    api_dsn: str
    admin: psycopg.Connection[Any]

    def is_waiting(self, function: str) -> bool:
        """Whether a statement that calls this function waits for somebody else's lock."""
        query = """select from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock' and strpos(query, %s) > 0"""
        return bool(self.admin.execute(query, [function]).fetchall())


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Server]:
    """This run's own PostgreSQL server; `--postgres-bin DIR` takes another version's programs."""
    programs: Path | None = pytestconfig.getoption("postgres_bin")
    with throwaway({"fsync": "off"}, programs) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_address(cluster: Server) -> SimpleNamespace:
    """The server as pytest-postgresql wants to be told of it."""
    assert cluster.cluster
    return SimpleNamespace(
        host=str(cluster.cluster.sockets),
        port=5432,
        user="postgres",
        password=None,
        options="",
        maintenance_dbname="postgres",
        template_dbname="template1",
    )


def _migrate(**address: Any) -> None:
    address.pop("autocommit")
    migrate(make_conninfo(**address))


template = factories.postgresql_noproc(depends_on="cluster_address", dbname="roster", load=[_migrate])
"""A database that was migrated once, the way `pgroster migrate` does it; the others are clones of it."""


@contextmanager
def fresh_database(template: NoopExecutor, source: str | None = None) -> Iterator[TestDatabase]:
    """A clone of the template, or of `source`, with the settings that cloning loses; dropped afterwards."""
    source = source or template.template_dbname
    name = f"roster_{next(_numbers)}"
    host, port, user = template.host, template.port, template.user
    with DatabaseJanitor(host=host, port=port, user=user, dbname=name, template_dbname=source):
        dsn = make_conninfo(host=host, port=port, user=user, dbname=name)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for setting, value in _settings_of(connection, source):
                connection.execute("select pg_catalog.set_config(%s, %s, false)", [setting, value])
                connection.execute(
                    sql.SQL("alter database {} set {} from current").format(
                        sql.Identifier(name), sql.Identifier(setting)
                    )
                )
            yield TestDatabase(name, dsn, make_conninfo(dsn, user="roster_authenticator"), connection)


def _settings_of(connection: psycopg.Connection[Any], database: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        """select unnest(s.setconfig) from pg_catalog.pg_db_role_setting s
           join pg_catalog.pg_database d on d.oid = s.setdatabase
           where d.datname = %s and s.setrole = 0""",
        [database],
    ).fetchall()
    return [tuple(setting.split("=", 1)) for (setting,) in rows]


@pytest.fixture
def database(template: NoopExecutor) -> Iterator[TestDatabase]:
    """A fresh migrated database of this test's own."""
    with fresh_database(template) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def module_database(template: NoopExecutor) -> Iterator[TestDatabase]:
    """A fresh migrated database that the tests of one module share."""
    with fresh_database(template) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def pgtap_connection(template: NoopExecutor) -> Iterator[psycopg.Connection[Any]]:
    """What pytest-pgtap runs db/tests/ on: a migrated database with pgTAP, as superuser; each file rolls back."""
    with fresh_database(template) as fresh:
        pgtap.install(fresh.admin)
        with psycopg.connect(fresh.admin_dsn) as connection:
            yield connection
