"""`pgroster audit head`, `verify` and `archive`: the audit log for those who do not take the database's word for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import click
import psycopg
from psycopg.rows import dict_row
from rich.progress import MofNCompleteColumn

from api import audit_archive, audit_head, screens, settings
from api.audit_archive import BrokenArchive
from api.embedded import running
from api.servers import connected, for_operators
from api.settings import OperatorError, Settings

NOT_INTACT = 3
"""Exit code where something does not fit; 1 and 2 are for what could not be looked at."""
VERIFY: LiteralString = """
    select is_intact, seals, rows, unsealed, problem, seal, row_id from admin.verify_audit(%s, %s)"""
PARTITIONS: LiteralString = "select * from admin.audit_partitions()"
PROBLEMS = {
    "seal_missing": "a seal before seal {seal} is missing",
    "seal_changed": "seal {seal} is not what it was",
    "seal_misplaced": "seal {seal} does not follow the one before it",
    "row_missing": "row {row_id} of seal {seal} is missing",
    "row_added": "row {row_id} stands among sealed rows, and no seal has it",
    "row_changed": "row {row_id} is not as it was when seal {seal} was made",
    "values_changed": "the old or new values of row {row_id} (seal {seal}) are not what they were",
    "origin_changed": "the address or user agent of row {row_id} (seal {seal}) is not what it was",
    "erased_unrecorded": "personal parts of row {row_id} (seal {seal}) are gone, and the log tells of no erasure",
}
File = click.Path(path_type=Path)


@click.group("audit")
def group() -> None:
    """Verify the audit log, keep its head, and archive it.

    docs/audit.md explains.
    """


@contextmanager
def opened() -> Iterator[tuple[Settings, psycopg.Connection]]:
    """The configured database as its administrator. Raises OperatorError."""
    chosen = settings.load()
    with running(chosen) as server, connected(server.admin_dsn) as connection, for_operators():
        try:
            yield chosen, connection
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
            raise OperatorError("the database is not migrated; run: pgroster migrate") from None


@group.command("head")
def head_command() -> None:
    """Print the newest seal, signed, as JSON.

    Keep it elsewhere; `verify --against` compares later.
    """
    with opened() as (chosen, connection):
        screens.show_json(audit_head.sign(connection, chosen))


@group.command("verify")
@click.option("--from", "since", type=click.DateTime(), help="Only seals made from this time on (UTC).")
@click.option("--to", "before", type=click.DateTime(), help="Only seals made before this time (UTC).")
@click.option(
    "--against", "heads", type=File, multiple=True, help="Head that was kept elsewhere; more than one may be."
)
@click.option("--key", "key_id", help="Id of the key that must have signed the heads; else one of this machine's.")
@click.option("--archive", "archives", type=File, multiple=True, help="Archived month; more than one may be given.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def verify_command(
    since: datetime | None,
    before: datetime | None,
    heads: tuple[Path, ...],
    key_id: str | None,
    archives: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Verify every sealed row, heads that were kept, and archives.

    Exit code 0: all fits. 3: something does not. 1 or 2: it could not be looked at.
    """
    with opened() as (chosen, connection):
        kept = [(path, audit_head.read(path, chosen, key_id)) for path in heads]
        report = verify_log(connection, since, before)
        report["heads"] = [verify_head(connection, path, seal) for path, seal in kept]
        report["archives"] = [verify_archive(connection, path) for path in archives]
    parts = [report, *report["heads"], *report["archives"]]
    is_intact = all(part["problem"] is None for part in parts)
    if as_json:
        screens.show_json(report | {"is_intact": is_intact})
    else:
        for part in parts:
            click.echo(part["message"])
    raise SystemExit(0 if is_intact else NOT_INTACT)


def verify_log(connection: psycopg.Connection, since: datetime | None, before: datetime | None) -> dict[str, Any]:
    """What the database says of its own chain."""
    connection.execute("set timezone = 'UTC'")
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(VERIFY, [since, before]).fetchone() or {}
    if found["problem"] is not None:
        message = f"log: {PROBLEMS[found['problem']].format(**found)}"
    else:
        waiting = f"; {found['unsealed']:,} rows wait for their seal" if found["unsealed"] else ""
        message = f"log: all seals hold, {found['seals']:,} over {found['rows']:,} rows{waiting}"
    return found | {"message": message}


def verify_head(connection: psycopg.Connection, path: Path, kept: audit_head.Seal) -> dict[str, Any]:
    """Whether the chain still has the seal that somebody kept."""
    now, newest = audit_head.find(connection, kept.number), audit_head.find(connection)
    problem, message = None, f"{path}: the chain has it, as seal {kept.number:,}"
    if now is None:
        last = newest["seal"] if newest else 0
        problem, message = "seals_removed", f"{path}: seal {kept.number:,} is gone; the chain ends with seal {last:,}"
    elif now["digest"] != kept.digest:
        problem, message = "chain_rewritten", f"{path}: seal {kept.number:,} is another one; the chain was made anew"
    return {"file": str(path), "seal": kept.number, "problem": problem, "message": message}


def verify_archive(connection: psycopg.Connection, path: Path) -> dict[str, Any]:
    """Whether an archive is as the database sealed it."""
    try:
        found = audit_archive.verify(connection, path)
    except BrokenArchive as error:
        return {"file": str(path), "problem": "archive_broken", "message": f"{path}: {error}"}
    message = f"{path}: all seals hold, {found.seals:,} over the {found.rows:,} rows of {found.month}"
    return {"file": str(path), "month": found.month, "rows": found.rows, "problem": None, "message": message}


@group.command("archive")
@click.option("--month", "months", multiple=True, metavar="YYYY-MM", help="Month; without it, all that have expired.")
@click.option("--directory", type=File, help="Where to write; without it, VAR/archive.")
@click.option("--without-personal-parts", "is_stripped", is_flag=True, help="Leave values and origins out.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def archive_command(months: tuple[str, ...], directory: Path | None, is_stripped: bool, as_json: bool) -> None:
    """Write months to compressed files.

    And record them, so that the job drop_expired_audit may drop them.
    """
    with opened() as (chosen, connection):
        with connection.cursor(row_factory=dict_row) as cursor:
            known = {f"{row['month']:%Y-%m}": row for row in cursor.execute(PARTITIONS)}
        wanted = months or [m for m, row in known.items() if row["is_expired"] and is_open(row)]
        for month in wanted:
            check_archivable(month, known.get(month))
        into = directory or chosen.var / "archive"
        with screens.bar(sum(known[month]["rows"] for month in wanted), MofNCompleteColumn()) as advance:
            written = [
                audit_archive.write(connection, m, into / f"audit-{m}.jsonl.gz", is_stripped, advance) for m in wanted
            ]
    if as_json:
        screens.show_json([asdict(archive) for archive in written])
        return
    for archive in written:
        click.echo(f"{archive.path}: {archive.rows:,} rows, {archive.bytes:,} bytes, SHA-256 {archive.sha256}")
    if not written:
        click.echo("nothing to archive: no month has expired that has rows and no archive")


def is_open(row: dict[str, Any]) -> bool:
    """Whether a month has rows that no archive holds."""
    return bool(row["rows"]) and not row["is_dropped"] and row["archive"] is None


def check_archivable(month: str, row: dict[str, Any] | None) -> None:
    """Raise OperatorError for a month that cannot be archived."""
    if row is None:
        raise OperatorError(f"the log has no month {month}; months are written like 2026-01", 2)
    if row["is_dropped"]:
        raise OperatorError(f"{month} was dropped; its archive is {row['archive'] or 'not on record'}")
    if row["unsealed"]:
        raise OperatorError(f"{row['unsealed']:,} rows of {month} wait for their seal; try again in a minute")
