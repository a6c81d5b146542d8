"""The generated list of functions: committed, run by psql alone; and the catalog that comes of it, everywhere."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api import function_sources
from api.embedded import Server, throwaway
from api.fingerprint import differences, lock_file
from api.migrate import migrate
from api.plan import DATABASE
from tests.migrated import Empty, change, empty_database, other_servers, sources


@pytest.fixture
def database(server: Server) -> Iterator[Empty]:
    """A database without anything."""
    with empty_database(server) as empty:
        yield empty


@pytest.mark.parametrize("bin_dir", [None, *other_servers()], ids=lambda path: path.parts[-2] if path else "embedded")
def test_the_catalog_is_the_locked_one(bin_dir: Path | None) -> None:
    with throwaway({"fsync": "off"}, bin_dir) as running, empty_database(running) as database:
        migrate(database.dsn)
        with psycopg.connect(database.dsn) as connection:
            lock = lock_file(connection)
        advice = f"if that is meant: python -m api.fingerprint --write --bin-dir {running.bin_dir}"
        assert lock.is_file(), f"there is no {lock}; {advice}"
        assert not differences(lock.read_text(), database.fingerprint()), advice


def test_the_committed_list_of_functions_is_up_to_date() -> None:
    for path, text in function_sources.generated(DATABASE / "functions").items():
        assert path.read_text() == text, f"{path.name} is out of date: run `make migrate` and commit it"


def test_the_functions_can_be_applied_by_psql_alone(database: Empty) -> None:
    migrate(database.dsn)
    catalog = database.fingerprint()
    before = database.rows("select xmin::text from pg_proc where oid = 'api.get_me'::regproc")
    psql(database, "-1")
    assert database.rows("select xmin::text from pg_proc where oid = 'api.get_me'::regproc") != before
    assert database.fingerprint() == catalog


def test_psql_without_one_transaction_is_refused_and_changes_nothing(database: Empty) -> None:
    migrate(database.dsn)
    catalog = database.fingerprint()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        psql(database)
    assert "psql -1 -f db/functions/apply.sql" in refused.value.output
    assert database.fingerprint() == catalog


def psql(database: Empty, *options: str) -> None:
    """Apply the functions the way a DBA does."""
    subprocess.run(
        [
            database.bin_dir / "psql",
            "-X",
            "-q",
            "-d",
            database.dsn,
            *options,
            "-f",
            DATABASE / "functions" / "apply.sql",
        ],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_sources_that_cannot_be_written_are_applied_all_the_same(
    database: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    files = sources(tmp_path)
    migrate(database.dsn, database=files)
    monkeypatch.setattr(Path, "replace", refuse)
    change(files / "functions" / "private" / "now.sql", "begin\n", "begin\n  -- edited\n")
    lines: list[str] = []
    report = migrate(database.dsn, database=files, progress=lines.append)
    assert any("apply.sql is out of date and can't be written" in line for line in lines)
    assert report.functions == "changed private.now()"
