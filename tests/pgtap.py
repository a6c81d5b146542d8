"""pgTAP for the test run: the server's, else this machine's, else Debian's package, never installed system-wide."""

import re
from pathlib import Path
from typing import Any

import psycopg

from api import ROOT
from tests import debian

CACHE = ROOT / ".cache" / "pgtap"
PACKAGES = [f"postgresql-{major}-pgtap" for major in (15, 17, 16, 18)]  # Debian has one a release, of any use to all
MISSING = (
    "pgTAP is neither on this machine nor could it be downloaded; "
    "install it (Debian and Ubuntu: apt install postgresql-15-pgtap, or the version that yours has; "
    f"elsewhere: https://pgtap.org), or put its pgtap.sql into {CACHE}"
)


def install(connection: psycopg.Connection[Any]) -> None:
    """Put pgTAP into schema public of one database. Raises RuntimeError that says what to install."""
    offered = connection.execute("select from pg_catalog.pg_available_extensions where name = 'pgtap'").fetchone()
    if offered is not None:
        connection.execute("create extension if not exists pgtap schema public")
        return
    with connection.transaction():
        connection.execute("set local search_path to public")
        connection.execute(script().read_bytes())


def script() -> Path:
    """pgTAP as one SQL file, downloaded if need be."""
    found = newest(debian.SHARED) or newest(CACHE)
    if found is None:
        try:
            debian.unpack(PACKAGES, CACHE)
        except debian.DOWNLOAD_ERRORS as error:
            output = getattr(error, "output", None) or error
            raise RuntimeError(f"{MISSING}\n{output}") from error
        found = newest(CACHE)
    if found is None:
        raise RuntimeError(MISSING)
    return found


def newest(directory: Path) -> Path | None:
    """The newest pgTAP below a directory; scripts that lead from one version to the next don't count."""
    scripts = [path for path in directory.rglob("pgtap*.sql") if re.fullmatch(r"pgtap(--[0-9.]+)?\.sql", path.name)]
    return max(scripts, key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)], default=None)
