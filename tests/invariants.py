"""db/checks/invariants.sql as the tests ask it."""

import re
from typing import Any

import psycopg

from api import ROOT

FILE = ROOT / "db" / "checks" / "invariants.sql"
_SENTENCE = re.compile(r"^select '([^']+)'", re.MULTILINE)


def sentences() -> list[str]:
    """What the file holds to be true, in its order."""
    return _SENTENCE.findall(FILE.read_text(encoding="utf-8"))


def broken(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    """Invariant, subject and finding of everything that is broken."""
    cursor = connection.execute(FILE.read_bytes())
    while cursor.nextset():
        pass
    return cursor.fetchall()
