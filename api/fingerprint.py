"""What a database is, as text, and the lock files that say what it has to be: one for each PostgreSQL major.

`python -m api.fingerprint` migrates a throw-away server and compares; `--write` writes the lock file instead. With
`--bin-dir` it is the server of that directory rather than the embedded one.
"""

import difflib
from pathlib import Path

import click
import psycopg

from api import ROOT
from api.embedded import throwaway
from api.migrate import migrate
from api.servers import connected
from api.settings import OperatorError

QUERY = ROOT / "db" / "fingerprint.sql"
LOCKS = ROOT / "db" / "fingerprint"


def fingerprint(connection: psycopg.Connection) -> str:
    """The catalog of pgroster's schemas as sorted lines; the connection is in autocommit and not in a transaction."""
    cursor = connection.execute(QUERY.read_bytes())
    while cursor.description is None and cursor.nextset():
        pass
    lines = [f"{line}\n" for (line,) in cursor]
    return "".join(lines)


def lock_file(connection: psycopg.Connection) -> Path:
    """Where the text is kept that a server of this major has to give."""
    return LOCKS / f"{connection.info.server_version // 10000}.txt"


def differences(expected: str, found: str) -> list[str]:
    """The lines that differ, `-` for what is missing and `+` for what should not be there."""
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", n=0, lineterm="")
    return [line for line in lines if not line.startswith("@@")]


@click.command()
@click.option("--write", is_flag=True, help="Write the lock file instead of comparing with it.")
@click.option("--bin-dir", type=click.Path(path_type=Path, exists=True), help="Programs of another PostgreSQL.")
def main(write: bool, bin_dir: Path | None) -> None:
    """Compare what the migrations make of an empty database with the lock file."""
    try:
        with throwaway(bin_dir=bin_dir) as server:
            migrate(server.admin_dsn)
            with connected(server.admin_dsn) as connection:
                found, lock = fingerprint(connection), lock_file(connection)
    except OperatorError as error:
        raise click.ClickException(str(error)) from error
    if write:
        lock.parent.mkdir(exist_ok=True)
        lock.write_text(found, encoding="utf-8")
        click.echo(f"wrote {lock.relative_to(ROOT)}")
    elif different := differences(lock.read_text(encoding="utf-8") if lock.is_file() else "", found):
        raise click.ClickException("\n".join([f"{lock.relative_to(ROOT)} is out of date:", *different]))


if __name__ == "__main__":
    main()
