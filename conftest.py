"""What pytest needs to know about both kinds of tests: tests/ over HTTP, db/tests/ in pgTAP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_pgtap.plugin import PgTapFile, PgTapItem
from pytest_pgtap.plugin.core import report_tap

from api.sqlfile import expand

pytest_plugins = ["tests.databases", "tests.migrated", "tests.server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of another PostgreSQL."""
    parser.addoption("--postgres-bin", type=Path, help="run on the PostgreSQL whose programs are in this directory")


def pytest_configure(config: pytest.Config) -> None:
    """Forget what steers pgroster or libpq, and what pytest-pgtap took of it: the tests have a server of their own."""
    for name in [name for name in os.environ if name.startswith(("PG", "DATABASE_URL"))]:
        del os.environ[name]
    config.option.pgtap_uri = None


def pytest_report_header(config: pytest.Config) -> str:
    """Say which PostgreSQL."""
    return f"PostgreSQL: {config.getoption('postgres_bin') or 'embedded'}"


class SqlFile(PgTapFile):
    """A file of db/tests/, read as psql and pg_prove read it: with what it includes by `\\ir`."""

    def collect(self) -> Iterator[PgTapItem]:
        """One item a file, as pytest-pgtap has it."""
        for item in super().collect():
            yield SqlItem.from_parent(self, name=item.name)


class SqlItem(PgTapItem):
    """The run of one file."""

    def runtest(self) -> None:
        """Run it in one go and report each of its tests."""
        runner = self._request.getfixturevalue("_pgtap_runner")
        report_tap(self, runner.run(expand(self.path).text), self.path.name)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> SqlFile | None:
    """Collect every file of db/tests/; by itself pytest-pgtap takes only those whose names start with `test`."""
    if file_path.suffix == ".sql" and not file_path.name.startswith("test"):
        return SqlFile.from_parent(parent, path=file_path)
    return None
