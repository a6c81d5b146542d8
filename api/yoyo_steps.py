"""The plan's steps as yoyo runs them: its lock, its tables, its order; our scripts, whole and checked.

What yoyo 9 would do by itself is answered here. It splits files into statements and prints rows: a step is one
function that runs its script as one query. It skips migrations that do not load: these are loaded already. It
resolves the machine's name by DNS and logs an error to create a table that exists: both are replaced.
Its tables live in the schema `yoyo`.
"""

import getpass
import socket
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, MigrationStep

from api import ledger
from api.plan import Step
from api.sqlfile import MigrationError

LOCK_TIMEOUT = "15s"
Progress = Callable[[str], None]


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
    """yoyo's PostgreSQL backend on a libpq connection string."""

    create_lock_table_sql = PostgresqlPsycopgBackend.create_lock_table_sql.replace("TABLE", "TABLE IF NOT EXISTS")

    def __init__(self, uri: DatabaseURI, migration_table: str = "_yoyo_migration") -> None:
        super().__init__(uri, migration_table)

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection:
        """Connect; the connection string travels in the URI's arguments because yoyo copies the URI."""
        return psycopg.connect(dburi.args["conninfo"], autocommit=True)

    def init_connection(self, connection: psycopg.Connection) -> None:
        """Waiting for a lock holds up everybody behind it, so a step gives up soon; it may be tried again."""
        connection.execute("set client_min_messages = warning")
        connection.execute("set statement_timeout = 0")
        connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")
        connection.execute("set search_path = yoyo")

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """A row of yoyo's log."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # an account without a name
            user = ""
        return {
            "id": str(uuid.uuid1()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


class StepMigration(Migration):  # type: ignore[misc]
    """A step of the plan; it depends on the one before it."""

    def __init__(self, step: Step, previous: "StepMigration | None", database: Path, progress: Progress) -> None:
        super().__init__(step.name, str(step.deploy.files[0]), str(database))

        def apply(connection: psycopg.Connection) -> None:
            progress(f"  + {step.name}: {step.note}")
            ledger.run(connection, step.deploy)
            connection.execute("set local role none")
            ledger.run(connection, step.verify)
            recorded = ledger.steps(connection, database)
            if recorded is None:
                return
            if step.name not in recorded:
                raise MigrationError(f"{step.sources}: the deploy script does not record the step")
            ledger.record(connection, database, {step.name: step.digest})

        def rollback(connection: psycopg.Connection) -> None:
            progress(f"  - {step.name}")
            ledger.run(connection, step.revert)

        self._depends = {previous} if previous else set()
        self.steps = [MigrationStep(0, apply, rollback)]


def open_backend(dsn: str) -> Backend:
    """Connect and make yoyo's tables where they are missing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute("create schema if not exists yoyo")
    backend = Backend(
        DatabaseURI(
            scheme="postgresql+psycopg",
            username=None,
            password=None,
            hostname=None,
            port=None,
            database=None,
            args={"conninfo": dsn},
        )
    )
    backend.create_lock_table()
    backend.ensure_internal_schema_updated()
    return backend


def migrations(steps: Iterable[Step], database: Path, progress: Progress) -> MigrationList:
    """The steps as yoyo's list."""
    chain: list[StepMigration] = []
    for step in steps:
        chain.append(StepMigration(step, chain[-1] if chain else None, database, progress))
    return MigrationList(chain)
