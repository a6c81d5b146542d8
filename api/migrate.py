"""`pgroster migrate`, `migrate --status` and `rollback`: yoyo runs the plan that Sqitch runs, on the same scripts.

What a database has is what its own record of steps says, which each script writes in its own transaction. yoyo's
table follows that record: it is corrected at every start, so a database that Sqitch deployed is taken over as it
is, and a process that was killed between a step and its mark leaves nothing to mend.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import errors, sql

from api import function_set, function_sources, ledger, yoyo_steps
from api.plan import DATABASE, Step, read_plan
from api.servers import AUTHENTICATOR, connected
from api.sqlfile import MigrationError, shown

LOCK_WAIT_SECONDS = 300
_LOCK = "hashtextextended('pgroster migrate', 0)"
Progress = Callable[[str], None]


@dataclass
class Report:
    """What a run did: steps deployed, steps taken over from another tool or a killed run, and the functions."""

    deployed: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    functions: str | None = None
    """In words what changed in the functions; None where they were up to date."""


@dataclass(frozen=True)
class StepStatus:
    """A step of the plan and whether the database has it; `edited`: its files differ from what was deployed."""

    name: str
    note: str
    applied_at: datetime | None
    applied_by: str | None
    edited: bool


@dataclass(frozen=True)
class Status:
    """The steps in their order, and the digests of the functions: deployed (None for none) and in the sources."""

    steps: list[StepStatus]
    deployed_functions: str | None
    source_functions: str

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to migrate."""
        return self.deployed_functions == self.source_functions and all(
            s.applied_at and not s.edited for s in self.steps
        )


def migrate(
    admin_dsn: str,
    *,
    authenticator_password: str | None = None,
    progress: Progress = lambda line: None,
    database: Path = DATABASE,
) -> Report:
    """Bring a database up to date: the missing steps, then the functions if their sources differ.

    `admin_dsn` is a libpq connection string of a superuser or of an owner of the database with CREATEROLE;
    `progress` gets one line for each thing that takes time; the password, if given, becomes that of the service's
    login and travels as a SCRAM verifier (RFC 5803). Each step is one transaction, all functions together are one. Of
    two runs at once the second waits for the first. Raises OperatorError with one line; what was deployed until
    then stays, nothing is left half-way.
    """
    steps = read_plan(database)
    _refresh(database / "functions", progress)
    report = Report()
    with _locked(admin_dsn, progress) as connection:
        backend = yoyo_steps.open_backend(admin_dsn)
        with backend:
            deployed, report.adopted = _reconcile(connection, backend, steps, database)
            report.deployed = [step.name for step in steps if step.name not in deployed]
            if report.deployed:
                progress(f"deploying {len(report.deployed)} of {len(steps)} steps")
                every = yoyo_steps.migrations(steps, database, progress)
                with backend.lock():
                    backend.apply_migrations_only(backend.to_apply(every))
        recorded = ledger.steps(connection, database) or {}
        missing = [step.name for step in steps if step.name not in recorded]
        if missing:
            raise MigrationError(f"these steps were run but are not recorded: {', '.join(missing)}")
        with connection.transaction():
            unseen = {step.name: step.digest for step in steps if recorded[step.name].digest is None}
            ledger.record(connection, database, unseen)
        if ledger.functions_digest(connection, database) != function_sources.digest(database / "functions"):
            progress("applying the functions")
            report.functions = function_set.apply(connection, database / "functions")
            progress(f"functions: {report.functions}")
        if authenticator_password is not None:
            _set_password(connection, authenticator_password)
    return report


def status(admin_dsn: str, *, database: Path = DATABASE) -> Status:
    """What is deployed and what is not. Changes nothing. Raises OperatorError with one line."""
    steps = read_plan(database)
    with _connected(admin_dsn) as connection:
        recorded = ledger.steps(connection, database) or {}
        found = [
            StepStatus(
                step.name,
                step.note,
                recorded[step.name].applied_at if step.name in recorded else None,
                recorded[step.name].applied_by if step.name in recorded else None,
                step.name in recorded and ledger.is_edited(step, recorded[step.name]),
            )
            for step in steps
        ]
        digest = ledger.functions_digest(connection, database)
    return Status(found, digest, function_sources.digest(database / "functions"))


def rollback(
    admin_dsn: str,
    *,
    to: str | None = None,
    steps: int | None = 1,
    progress: Progress = lambda line: None,
    database: Path = DATABASE,
) -> list[str]:
    """Take back the last `steps` deployed steps (None: all), or those after the step `to`; returns their names.

    Tables go with their rows: the caller asks first. Raises OperatorError with one line.
    """
    plan = read_plan(database)
    with _locked(admin_dsn, progress) as connection, yoyo_steps.open_backend(admin_dsn) as backend:
        deployed, _ = _reconcile(connection, backend, plan, database)
        if to is not None and to not in deployed:
            raise MigrationError(f"there is no deployed step {to}; there are: {', '.join(deployed) or 'none'}")
        kept = deployed.index(to) + 1 if to is not None else max(len(deployed) - steps, 0) if steps is not None else 0
        going = deployed[kept:]
        every = yoyo_steps.migrations(plan, database, progress)
        with backend.lock():
            backend.rollback_migrations(backend.to_rollback(every).filter(lambda m: m.id in going))
    return going[::-1]


@contextmanager
def _connected(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection whose errors are told in one line."""
    with connected(dsn) as connection:
        try:
            connection.execute("set client_min_messages = warning")
            yield connection
        except errors.LockNotAvailable as error:
            raise MigrationError(f"waited in vain for a lock ({ledger.explain(error)}); try again later") from error
        except psycopg.Error as error:
            raise MigrationError(ledger.explain(error)) from error


@contextmanager
def _locked(dsn: str, progress: Progress) -> Iterator[psycopg.Connection]:
    """A connection that holds the migration lock: a lock of the session, so it ends with a killed process."""
    with _connected(dsn) as connection:
        connection.execute("set statement_timeout = 0")
        free = connection.execute(f"select pg_try_advisory_lock({_LOCK})").fetchone()
        if free != (True,):
            progress("another migration of this database is running; waiting for it")
            connection.execute(f"set lock_timeout = '{LOCK_WAIT_SECONDS}s'")
            connection.execute(f"select pg_advisory_lock({_LOCK})")
        connection.execute(f"set lock_timeout = '{yoyo_steps.LOCK_TIMEOUT}'")
        yield connection


def _reconcile(
    connection: psycopg.Connection, backend: yoyo_steps.Backend, steps: list[Step], database: Path
) -> tuple[list[str], list[str]]:
    """Make yoyo's table say what the database's own record says; returns the deployed steps and those it lacked."""
    recorded = ledger.steps(connection, database)
    if recorded is None:
        deployed = [step.name for step in steps[:1] if ledger.is_in_place(connection, step)]
    else:
        ledger.check(steps, recorded)
        deployed = [step.name for step in steps if step.name in recorded]
    backend.break_lock()  # whoever held it has gone: this run has the lock of the session
    every = yoyo_steps.migrations(steps, database, lambda line: None)
    marked = set(backend.get_applied_migration_hashes())
    lacking = every.filter(lambda m: m.id in deployed and m.hash not in marked)
    backend.mark_migrations(lacking)
    backend.unmark_migrations(every.filter(lambda m: m.id not in deployed and m.hash in marked))
    return deployed, [migration.id for migration in lacking]


def _refresh(functions: Path, progress: Progress) -> None:
    try:
        for path in function_sources.refresh(functions):
            progress(f"wrote {shown(path)}")
    except OSError as error:
        progress(f"{error.filename} is out of date and can't be written, so other tools would apply an older set")


def _set_password(connection: psycopg.Connection, password: str) -> None:
    verifier = connection.pgconn.encrypt_password(password.encode(), AUTHENTICATOR.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(AUTHENTICATOR), sql.Literal(verifier.decode()))
    )
