"""What pytest needs to know about both kinds of tests: tests/ over HTTP, db/tests/ in pgTAP."""

from pathlib import Path

import pytest
from pytest_pgtap.plugin import PgTapFile

pytest_plugins = ["tests.databases", "tests.server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of another PostgreSQL."""
    parser.addoption("--postgres-bin", type=Path, help="run on the PostgreSQL whose programs are in this directory")


def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest-pgtap from taking DATABASE_URL, and from printing it: the tests have a server of their own."""
    config.option.pgtap_uri = None


def pytest_report_header(config: pytest.Config) -> str:
    """Say which PostgreSQL."""
    return f"PostgreSQL: {config.getoption('postgres_bin') or 'embedded'}"


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> PgTapFile | None:
    """Collect every file of db/tests/; by itself pytest-pgtap takes only those whose names start with `test`."""
    if file_path.suffix == ".sql" and not file_path.name.startswith("test"):
        return PgTapFile.from_parent(parent, path=file_path)
    return None
