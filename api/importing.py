"""Accounts from elsewhere, out of a CSV file or JSON lines: `pgroster import FILE`.

The database judges every row by the rules that hold for everybody. A batch is one transaction in which each row stands
or falls alone, and people who are there already are left alone, so an interrupted run is completed by running it again.
"""

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from api import rows
from api.rows import Row
from api.servers import connected, for_operators
from api.settings import OperatorError

BATCH = 500
IMPORT: LiteralString = "select * from admin.import_users(%s, %s)"
KEEP_PRIVATE: LiteralString = """
select pg_catalog.set_config('log_parameter_max_length_on_error', '0', false),
       case when r.rolsuper then pg_catalog.set_config('log_parameter_max_length', '0', false) end
from pg_catalog.pg_roles r where r.rolname = session_user"""
FIELDS: LiteralString = """
select p.proargnames[n], n <= p.pronargs - p.pronargdefaults
from pg_catalog.pg_proc p, pg_catalog.generate_series(1, p.pronargs) n
where p.oid = pg_catalog.to_regproc('admin.import_user')
order by n"""
REPORTS = (".csv", ".json")


@dataclass(frozen=True)
class Result:
    """What came of a row, which `code` names; of a refused one `message` says it in words, without any value."""

    line: int
    code: str
    is_refused: bool
    message: str | None = None
    user_id: UUID | None = None
    email_key: str | None = None
    username_key: str | None = None

    def told(self) -> dict[str, str | int | None]:
        """What a report says of it."""
        user_id = str(self.user_id) if self.user_id else None
        return {"line": self.line, "code": self.code, "message": self.message, "user_id": user_id}


@dataclass
class Summary:
    """What came of a file: how many rows by code, how many of them were refused, and how long it took."""

    codes: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """The figures, for another program."""
        counts = {"rows": self.codes.total(), "failed": self.failed, "codes": dict(self.codes)}
        return counts | {"seconds": round(self.seconds, 3)}


Keep = Callable[[Result], None]
Lines = dict[str | None, int]


def load(dsn: str, path: Path, is_rehearsal: bool, keep: Keep, progress: Callable[[int], None]) -> Summary:
    """Import a file. `keep` gets the result of each row in order, `progress` how many more bytes were read.

    A rehearsal undoes every batch. Raises OperatorError.
    """
    started = time.monotonic()
    summary = Summary()
    emails: Lines = {}
    usernames: Lines = {}
    position = 0
    with connected(dsn) as connection, for_operators(), rows.opened(path) as file:
        connection.execute(KEEP_PRIVATE)
        left = rows.read(path, file, fields(connection))
        while batch := list(islice(left, BATCH)):
            for result in judge(connection, batch, is_rehearsal):
                known = foresee(result, emails, usernames) if is_rehearsal else result
                summary.codes[known.code] += 1
                summary.failed += known.is_refused
                keep(known)
            progress(file.tell() - position)
            position = file.tell()
    summary.seconds = time.monotonic() - started
    return summary


def fields(connection: psycopg.Connection) -> dict[str, bool]:
    """The fields that a person has, each with whether it is needed. Raises OperatorError without the function."""
    found: dict[str, bool] = dict(connection.execute(FIELDS).fetchall())
    if not found:
        raise OperatorError("the database is not migrated; run: pgroster migrate")
    return found


def judge(connection: psycopg.Connection, batch: list[Row], is_rehearsal: bool) -> list[Result]:
    """What comes of one batch, in the order of its lines."""
    results = [Result(row.line, "invalid", True, row.mistake) for row in batch if row.mistake is not None]
    sent = [row for row in batch if row.mistake is None]
    with connection.transaction(force_rollback=is_rehearsal):
        cursor = connection.cursor(row_factory=class_row(Result))
        results += cursor.execute(IMPORT, [[row.line for row in sent], [row.content for row in sent]]).fetchall()
    return sorted(results, key=lambda result: result.line)


def foresee(result: Result, emails: Lines, usernames: Lines) -> Result:
    """What would come of a row after those before it, which a rehearsal has undone. Remembers whose line has what."""
    if result.code != "imported":
        return result
    result = replace(result, user_id=None)
    by_email, by_username = emails.get(result.email_key), usernames.get(result.username_key)
    if by_email is None and by_username is None:
        emails[result.email_key] = usernames[result.username_key] = result.line
        return result
    if by_email == by_username:
        return replace(result, code="exists")
    code = "username_taken" if by_email is None else "email_taken"
    return replace(result, code=code, is_refused=True, message=f"Line {by_email or by_username} has the same.")


@contextmanager
def report(path: Path | None) -> Iterator[Keep]:
    """What keeps results in a CSV or JSON file, or nowhere. Raises OperatorError."""
    if path is None:
        yield lambda result: None
        return
    if path.suffix.lower() not in REPORTS:
        raise OperatorError(f"{path}: the name of a report has to end with {' or '.join(REPORTS)}")
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}") from None
    with file:
        if path.suffix.lower() == ".csv":
            writer = csv.DictWriter(file, Result(0, "", False).told())
            writer.writeheader()
            yield lambda result: writer.writerow(result.told())
        else:
            separators = chain(["[\n"], repeat(",\n"))
            yield lambda result: print(next(separators), json.dumps(result.told()), sep="", end="", file=file)
            print(next(separators).replace(",", ""), "]", sep="", file=file)
