"""What `pgroster seed --users` and `pgroster import` show while they fill a database, and what they say at the end."""

from pathlib import Path

import click
from rich.progress import DownloadColumn, MofNCompleteColumn

from api import bulk, importing, screens
from api.password_rules import length_error, normalise
from api.seeds import password_hasher
from api.settings import OperatorError, Settings

MISTAKES_SHOWN = 10


def seed(dsn: str, settings: Settings, users: int, key: str, password: str | None, is_sure: bool) -> None:
    """Fill a database with made-up people and say how long it took. Raises OperatorError."""
    weak = length_error("password", password) if password is not None else None
    if weak:
        raise OperatorError(f"--password: {weak.message[0].lower()}{weak.message[1:]}", 2)
    password_hash = password_hasher(settings).hash(normalise(password)) if password is not None else None
    with screens.bar(users, MofNCompleteColumn()) as advance:
        done = bulk.seed(dsn, users, key, password_hash, is_sure, advance)
    rate = f" in {done.seconds:.1f} s, {done.added / done.seconds:,.0f} a second" if done.added else ""
    click.echo(f"Made {done.added:,} users{rate}; {done.present:,} were there already.")


def load(dsn: str, path: Path, report: Path | None, is_rehearsal: bool, as_json: bool) -> bool:
    """Import a file and say what came of it; returns whether every row was good. Raises OperatorError."""
    if report is not None and report.exists() and report.samefile(path):
        raise OperatorError(f"{path}: the report would overwrite the file")
    mistakes: list[importing.Result] = []
    with importing.report(report) as write, screens.bar(size_of(path), DownloadColumn()) as advance:

        def keep(result: importing.Result) -> None:
            write(result)
            if result.is_refused and len(mistakes) < MISTAKES_SHOWN:
                mistakes.append(result)

        summary = importing.load(dsn, path, is_rehearsal, keep, advance)
    if as_json:
        screens.show_json({"dry_run": is_rehearsal} | summary.told())
        return not summary.failed
    for result in mistakes if report is None else []:
        click.echo(f"line {result.line}: {result.code}: {result.message}", err=True)
    if report is None and summary.failed > len(mistakes):
        click.echo(f"and {summary.failed - len(mistakes):,} more; --report FILE lists all", err=True)
    counts = ", ".join(f"{count:,} {code}" for code, count in summary.codes.most_common()) or "no rows"
    click.echo(f"{counts} ({summary.seconds:.1f} s){'; nothing was kept' if is_rehearsal else ''}")
    return not summary.failed


def size_of(path: Path) -> int:
    """Bytes of a file; 0 for one that can't be looked at, which opening it will say better."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
