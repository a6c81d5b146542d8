"""The audit log verified from outside: every digest is taken here, over what plain queries of tables return.

It says what admin.verify_audit() says, but not by the word of a database whose functions may have been replaced.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from api import audit_queries as queries
from api import audit_text
from api.settings import OperatorError

Row = dict[str, Any]
MOST = 2**63 - 1
ZERO = bytes(32)
BEFORE_ALL: Row = {
    "number": 0,
    "epoch": 0,
    "after_id": 0,
    "last_id": 0,
    "to_transaction": "0",
    "to_id": 0,
    "digest": ZERO,
}
_RANGE = re.compile(r"\[(-?\d+),(-?\d+)\)")


@dataclass
class Verdict:
    """What was looked at, and the first thing that does not fit; as admin.verify_audit() names it."""

    seals: int = 0
    rows: int = 0
    unsealed: int | None = None
    problem: str | None = None
    seal: int | None = None
    row_id: int | None = None


@contextmanager
def reading(connection: psycopg.Connection) -> Iterator[None]:
    """One snapshot for all that is read, and no name but PostgreSQL's own without its schema."""
    is_first = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if is_first:
            connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local search_path = pg_catalog, pg_temp")
        connection.execute("set local timezone = 'UTC'")
        yield


def ask(connection: psycopg.Connection, query: LiteralString, values: Any = None) -> Row | None:
    """One row by its columns' names."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchone()


def seals_of(connection: psycopg.Connection, month: str) -> dict[int, str]:
    """The digests (hex) of a month's seals over rows, taken anew."""
    with reading(connection), connection.cursor(row_factory=dict_row) as cursor:
        return {seal["number"]: taken(seal).hex() for seal in cursor.execute(queries.OF_MONTH, [f"{month}-01"])}


def seal(connection: psycopg.Connection, number: int | None = None) -> Row | None:
    """A seal, the newest without a number, with its digest taken anew as `found`; None where there is none."""
    with reading(connection):
        row = ask(connection, queries.NEWEST) if number is None else ask(connection, queries.ONE, [number])
    return row and row | {"found": taken(row)}


def taken(seal: Row) -> bytes:
    """The digest of what a seal says."""
    return audit_text.digest(audit_text.of_seal(seal))


def verify(connection: psycopg.Connection, since: datetime | None, before: datetime | None) -> dict[str, Any]:
    """Every seal made in a time (None: open) and every row under it. Raises OperatorError where the log is hidden."""
    with reading(connection):
        around = ask(connection, queries.SURROUNDINGS) or {}
        told = ask(connection, queries.CLUSTER) if around["is_told"] else None
        around["cluster"] = told["system_identifier"] if told else 0
        if around["is_hidden"]:
            raise OperatorError("this login cannot read the audit log; grant it roster_auditor")
        found = ask(connection, queries.RANGE, {"since": since, "before": before}) or {}
        first = 1 if since is None else found["first"]
        around["newest"] = ask(connection, queries.NEWEST)
        verdict = Verdict()
        if first is not None and found["last"] is not None:
            _verify_seals(connection, first, found["last"], around, verdict)
        if before is None:
            _look_behind(connection, around, verdict)
    return asdict(verdict) | {"is_intact": verdict.problem is None}


def _verify_seals(connection: psycopg.Connection, first: int, last: int, around: Row, verdict: Verdict) -> None:
    previous = ask(connection, queries.ONE, [first - 1]) or BEFORE_ALL
    parts: dict[int, Row] = {}
    with connection.cursor("seals", row_factory=dict_row) as seals:
        for seal in seals.execute(queries.BETWEEN, [first, last]):
            verdict.problem = _check_link(seal, previous)
            if verdict.problem is None and seal["kind"] == "rows" and seal["month"] not in around["dropped"]:
                until = _epoch_end(seal["epoch"], around)
                verdict.problem, verdict.row_id = _check_rows(connection, seal | {"until_id": until}, around["erased"])
                verdict.rows += seal["row_count"]
            if verdict.problem is not None:
                verdict.seal = seal["number"]
                return
            verdict.seals += 1
            part = parts.setdefault(seal["epoch"], seal | {"first": seal["number"], "begin_id": seal["from_id"]})
            part |= {name: seal[name] for name in ("to_transaction", "to_id")} | {"last": seal["number"]}
            previous = seal
    for epoch, part in sorted(parts.items()):
        verdict.row_id = _find_stray(connection, epoch, part, around)
        if verdict.row_id is not None:
            verdict.problem = "row_added"
            return


def _check_link(seal: Row, previous: Row) -> str | None:
    if seal["number"] != previous["number"] + 1:
        return "seal_missing"
    if taken(seal) != seal["digest"] or seal["previous_digest"] != previous["digest"]:
        return "seal_changed"
    year, month, _ = map(int, seal["month"].split("-"))
    # A partition is not dropped before its year is over, by the real clock.
    over = datetime(year + 1 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if seal["kind"] == "drop" and over > min(seal["sealed_at"], datetime.now(UTC)):
        return "seal_misplaced"
    begin = (seal["from_transaction"], seal["from_id"])
    goes_on = (seal["epoch"], seal["after_id"], *begin) == (
        previous["epoch"], previous["after_id"], previous["to_transaction"], previous["to_id"],
    )  # fmt: skip
    begins = (seal["epoch"], *begin) == (previous["epoch"] + 1, "0", 0) and seal["after_id"] >= previous["last_id"]
    places = ("epoch", "from_transaction", "from_id", "to_transaction", "to_id")
    is_sibling = (
        "month" in previous and seal["month"] > previous["month"] and all(seal[p] == previous[p] for p in places)
    )
    return None if goes_on or begins or is_sibling else "seal_misplaced"


def _epoch_end(epoch: int, around: Row) -> int:
    """The greatest id that a row of an epoch can have."""
    if later := [after for number, after in (around["epochs"] or {}).items() if int(number) > epoch]:
        return int(min(later))
    newest = around["newest"] or BEFORE_ALL
    is_moved = newest["system_identifier"] != around["cluster"] or int(newest["to_transaction"]) > around["finished"]
    return int(newest["last_id"]) if is_moved else MOST


def _check_rows(connection: psycopg.Connection, seal: Row, erased: list[str]) -> tuple[str | None, int | None]:
    """The first row that is not as a seal says."""
    found: dict[int, Row] = {}
    digests: list[bytes] = []
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(queries.ROWS, seal):
            digests.append(audit_text.digest(audit_text.of_row(row)))
            found[row["id"]] = row | {"digest": digests[-1], "is_twin": row["id"] in found}
    ids = [n for low, high in _RANGE.findall(seal["ids"]) for n in range(int(low), int(high))]
    expected = {n: seal["checks"][place * 8 : place * 8 + 8] for place, n in enumerate(ids)}
    for number in sorted(expected.keys() | found.keys()):
        if number not in found:
            return "row_missing", number
        if number not in expected:
            return "row_added", number
        if found[number]["digest"][:8] != expected[number] or found[number]["is_twin"]:
            return "row_changed", number
        if problem := _check_parts(found[number], erased):
            return problem, number
    fits = len(digests) == seal["row_count"] and audit_text.digest_of(b"".join(digests)) == seal["rows_digest"]
    return None if fits else "seal_changed", None


def _check_parts(row: Row, erased: list[str]) -> str | None:
    """Whether the personal parts of a row fit their digests, or were erased with their person."""
    parts = (
        ("values", audit_text.of_values, ("old_values", "new_values"), row["user_id"]),
        ("origin", audit_text.of_origin, ("client_address", "user_agent"), row["actor_user_id"] or row["user_id"]),
    )
    problem = None
    for part, text, columns, person in parts:
        salt = row[f"{part}_salt"]
        if salt is None:
            if any(row[column] is not None for column in columns):
                return f"{part}_changed"
            problem = problem or (None if person in erased else "erased_unrecorded")
        elif audit_text.digest_of(salt + text(row).encode()) != row[f"{part}_digest"]:
            return f"{part}_changed"
    return problem


def _find_stray(connection: psycopg.Connection, epoch: int, part: Row, around: Row) -> int | None:
    """A row among those of an epoch's seals that none of them covers."""
    values = part | {"dropped": around["dropped"], "until_id": _epoch_end(epoch, around)}
    values["end_transaction"] = part["to_transaction"]
    # Before the first seal stands nothing, and behind the last one of an epoch that has ended nothing waits.
    if part["first"] == 1:
        values |= {"after_id": -MOST - 1, "from_id": -MOST - 1}
    following = ask(connection, queries.ONE, [part["last"] + 1])
    if following and following["epoch"] > epoch:
        values["end_transaction"] = str(2**64 - 1)
    sealed, there = ask(connection, queries.SEALED, values), ask(connection, queries.THERE, values)
    if sealed == there:
        return None
    stray = ask(connection, queries.STRAY, values)
    return stray["id"] if stray else None


def _look_behind(connection: psycopg.Connection, around: Row, verdict: Verdict) -> None:
    """What waits for its seal, and what would wait for ever."""
    newest = around["newest"]
    waiting = ask(connection, queries.WAITING, {"begun": around["begun"]} | (newest or BEFORE_ALL)) or {}
    verdict.unsealed = waiting["rows"]
    is_here = newest is not None and newest["system_identifier"] == around["cluster"]
    if verdict.problem is None and is_here and waiting["row_from_nowhere"] is not None:
        verdict.problem, verdict.row_id = "row_added", waiting["row_from_nowhere"]
