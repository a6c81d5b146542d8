"""What a database says about its own migrations, and running a script on it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psycopg
from psycopg import errors
from psycopg.rows import class_row

from api.function_sources import OWNER
from api.plan import FUNCTIONS, Step
from api.sqlfile import MigrationError, Script, shown

# Who can become the owner reads as the owner, whatever else was granted; the service's own login may read as itself.
_AS_OWNER = """
select pg_catalog.set_config('role', r.rolname, true)
from pg_catalog.pg_roles r where r.rolname = %s and pg_catalog.pg_has_role(r.oid, 'MEMBER')"""
_NOT_THERE_YET = (errors.UndefinedTable, errors.InvalidSchemaName)


@dataclass(frozen=True)
class Deployed:
    """A step that the database has; `digest` is null until pgroster has seen what another tool deployed."""

    step: str
    digest: str | None
    applied_at: datetime
    applied_by: str


def run(connection: psycopg.Connection, script: Script) -> None:
    """Run a script in the connection's transaction, each file's part as one simple query.

    Raises MigrationError with the file and, where the server tells a position, the line.
    """
    connection.execute("set local search_path to default")
    for offset, path, text in script.segments():
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            position = error.diag.statement_position
            where = script.locate(offset + int(position) - 1) if position else shown(path)
            raise MigrationError(f"{where}: {explain(error)}") from error


def explain(error: psycopg.Error) -> str:
    """One line from an error of the server: what is wrong, with its detail and hint."""
    parts = [error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint]
    return " ".join("; ".join(part for part in parts if part).split())


def steps(connection: psycopg.Connection, database: Path) -> dict[str, Deployed] | None:
    """The deployed steps by name, or None where there is no record of steps yet."""
    with (
        suppress(*_NOT_THERE_YET),
        connection.transaction(),
        connection.cursor(row_factory=class_row(Deployed)) as cursor,
    ):
        connection.execute(_AS_OWNER, [OWNER])
        cursor.execute(_query(database, "steps"))
        return {row.step: row for row in cursor}
    return None


def functions_digest(connection: psycopg.Connection, database: Path) -> str | None:
    """The digest of the deployed functions, or None where there are none."""
    with suppress(*_NOT_THERE_YET), connection.transaction():
        connection.execute(_AS_OWNER, [OWNER])
        row = connection.execute(_query(database, "functions")).fetchone()
        return row[0] if row else None
    return None


def record(connection: psycopg.Connection, database: Path, digests: Mapping[str, str]) -> None:
    """Write the digests of steps, within the connection's transaction."""
    connection.execute(f"set local role {OWNER}")
    for step, digest in digests.items():
        connection.execute(_query(database, "record"), {"step": step, "digest": digest})
    connection.execute("set local role none")


def is_in_place(connection: psycopg.Connection, step: Step) -> bool:
    """Whether the step's verify script succeeds, which is how a step is known before there is a record."""
    try:
        with connection.transaction(force_rollback=True):
            run(connection, step.verify)
    except MigrationError:
        return False
    return True


def check(steps: list[Step], recorded: Mapping[str, Deployed]) -> None:
    """Refuse a database that this plan does not continue. Raises MigrationError."""
    unknown = recorded.keys() - {step.name for step in steps}
    if unknown:
        raise MigrationError(
            f"the database has steps that this plan does not know: {', '.join(sorted(unknown))}; "
            "use the version of pgroster that deployed them"
        )
    structural = [step for step in steps if step.name != FUNCTIONS]
    for earlier, later in pairwise(structural):
        if later.name in recorded and earlier.name not in recorded:
            raise MigrationError(
                f"step {earlier.name} is planned before {later.name}, which is deployed; "
                f"plan new steps after the deployed ones and before {FUNCTIONS}"
            )
    for step in structural:
        if step.name in recorded and is_edited(step, recorded[step.name]):
            raise MigrationError(
                f"step {step.name} was edited after it was deployed ({step.sources}); "
                "take the edit back and put the change into a new step, see docs/migrations.md"
            )


def is_edited(step: Step, deployed: Deployed) -> bool:
    """Whether a deployed step's own files differ from those that were deployed. Functions are applied again instead."""
    return step.name != FUNCTIONS and deployed.digest not in (None, step.digest)


def _query(database: Path, name: str) -> bytes:
    return (database / "migrations" / "ledger" / f"{name}.sql").read_bytes()
