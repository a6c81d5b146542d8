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

from api import audit_archive, audit_head, audit_verdicts, screens, settings
from api.embedded import running
from api.servers import connected, for_operators
from api.settings import OperatorError, Settings

NOT_INTACT = 3
"""Exit code where something does not fit; 1 and 2 are for what could not be looked at."""
PARTITIONS: LiteralString = "select * from admin.audit_partitions()"
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
@click.option("--seal", type=click.IntRange(1), help="Another seal than the newest, such as the last of a month.")
def head_command(seal: int | None) -> None:
    """Print the newest seal, signed, as JSON.

    Keep it elsewhere; `verify --against` compares later.
    """
    with opened() as (chosen, connection):
        screens.show_json(audit_head.sign(connection, chosen, seal))


@group.command("verify")
@click.option("--from", "since", type=click.DateTime(), help="Only seals made from this time on (UTC).")
@click.option("--to", "before", type=click.DateTime(), help="Only seals made before this time (UTC).")
@click.option(
    "--against", "heads", type=File, multiple=True, help="Head that was kept elsewhere; more than one may be."
)
@click.option("--key", "key_id", help="Id of the key that must have signed the heads; else one of this machine's.")
@click.option("--archive", "archives", type=File, multiple=True, help="Archived month; more than one may be given.")
@click.option("--offline", is_flag=True, help="Ask no database: archives and heads alone, which fit each other or not.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def verify_command(
    since: datetime | None,
    before: datetime | None,
    heads: tuple[Path, ...],
    key_id: str | None,
    archives: tuple[Path, ...],
    offline: bool,
    as_json: bool,
) -> None:
    """Verify every sealed row, the deployed code, heads that were kept, and archives.

    Every digest is taken by this program, over the rows of the tables or the lines of the files.

    Exit code 0: all fits. 3: something does not. 1 or 2: it could not be looked at.
    """
    if offline:
        if not archives or since or before:
            raise OperatorError("--offline looks at archives: name one by --archive, without --from and --to", 2)
        report = audit_verdicts.offline(archives, read_heads(settings.load(), heads, key_id))
    else:
        with opened() as (chosen, connection):
            kept = read_heads(chosen, heads, key_id)
            report = audit_verdicts.of_log(connection, since, before)
            report["code"] = audit_verdicts.of_code(connection)
            report["heads"] = [audit_verdicts.of_head(connection, path, seal) for path, seal in kept]
            report["archives"] = [audit_verdicts.of_archive(connection, path) for path in archives]
    parts = [report, *([report["code"]] if "code" in report else []), *report["heads"], *report["archives"]]
    is_intact = all(part["problem"] is None for part in parts)
    if as_json:
        screens.show_json(report | {"is_intact": is_intact})
    else:
        for part in parts:
            click.echo(part["message"])
    raise SystemExit(0 if is_intact else NOT_INTACT)


def read_heads(chosen: Settings, paths: tuple[Path, ...], key_id: str | None) -> list[tuple[Path, audit_head.Seal]]:
    """What kept heads say, each by a trusted signature. Raises OperatorError."""
    return [(path, audit_head.read(path, chosen, key_id)) for path in paths]


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
