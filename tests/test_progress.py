"""What commands that take long show on a terminal, and what they show to a program: nothing."""

import os
import re
from pathlib import Path

from api.importing import BATCH
from api.strangers import BATCH as PEOPLE
from tests.databases import TestDatabase
from tests.test_import import COLUMNS, installation, lines, people

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def shown(directory: Path, dsn: str, *arguments: str) -> str:
    """What a command writes to a terminal while it works, which has to end well."""
    terminal, descriptor = os.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        process = installation(directory, dsn).start(*arguments, errors=descriptor)
        os.close(descriptor)
        written = b""
        try:
            while chunk := screen.read(4096):
                written += chunk
        except OSError:
            pass  # so ends a terminal that nobody writes to any more
        process.communicate()
    assert process.returncode == 0, written
    return _CONTROLS.sub("", written.decode())


def test_seeding_shows_how_many_people_there_are_by_now(database: TestDatabase, tmp_path: Path) -> None:
    screen = shown(tmp_path, database.admin_dsn, "seed", "--users", str(PEOPLE + 1))
    assert f"0/{PEOPLE + 1}" in screen and f"{PEOPLE + 1}/{PEOPLE + 1}" in screen
    assert "━" in screen


def test_importing_shows_how_much_of_the_file_is_read(database: TestDatabase, tmp_path: Path) -> None:
    path = lines(tmp_path / "people.csv", COLUMNS, *people(2 * BATCH))
    screen = shown(tmp_path, database.admin_dsn, "import", str(path))
    total = re.findall(r"([\d.]+)/\1 kB", screen)
    assert total and "━" in screen
    assert len(set(re.findall(r"([\d.]+)/[\d.]+ kB", screen))) > 2, "it moves"
