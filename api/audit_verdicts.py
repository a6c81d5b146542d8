"""What `pgroster audit verify` says of the log, of kept heads, of archives, and of the code that is deployed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from api import audit_archive, audit_chain, audit_code, audit_head
from api.audit_archive import BrokenArchive, Link

PROBLEMS = {
    "seal_missing": "a seal before seal {seal} is missing",
    "seal_changed": "seal {seal} is not what it was",
    "seal_misplaced": "seal {seal} does not follow the one before it",
    "row_missing": "row {row_id} of seal {seal} is missing",
    "row_added": "row {row_id} stands among sealed rows, and no seal has it",
    "row_changed": "row {row_id} is not as it was when seal {seal} was made",
    "values_changed": "the old or new values of row {row_id} (seal {seal}) are not what they were",
    "origin_changed": "the address or user agent of row {row_id} (seal {seal}) is not what it was",
    "erased_unrecorded": "personal parts of row {row_id} (seal {seal}) are gone, and the log tells of no erasure",
}
Part = dict[str, Any]


def of_log(connection: psycopg.Connection, since: datetime | None, before: datetime | None) -> Part:
    """Whether all rows and seals hold, with every digest taken anew outside of the database."""
    since, before = (at and at.replace(tzinfo=UTC) for at in (since, before))
    found = audit_chain.verify(connection, since, before)
    if found["problem"] is not None:
        message = f"log: {PROBLEMS[found['problem']].format(**found)}"
    else:
        waiting = f"; {found['unsealed']:,} rows wait for their seal" if found["unsealed"] else ""
        message = f"log: all seals hold, {found['seals']:,} over {found['rows']:,} rows{waiting}"
    return found | {"message": message}


def of_code(connection: psycopg.Connection) -> Part:
    """Whether what records, seals and verifies is what the sources say."""
    differing = audit_code.differing(connection)
    problem, message = None, "code: what records, seals and verifies is as in the sources"
    if differing is None:
        message = "code: not compared, since db/fingerprint has no file for this PostgreSQL"
    elif differing:
        problem = "code_differs"
        message = "\n".join(["code: not as in the sources:", *(f"  {line}" for line in audit_code.named(differing))])
    return {"differences": differing, "problem": problem, "message": message}


def of_head(connection: psycopg.Connection, path: Path, kept: audit_head.Seal) -> Part:
    """Whether the chain still has the seal that somebody kept."""
    now, newest = audit_chain.seal(connection, kept.number), audit_chain.seal(connection)
    problem, message = None, f"{path}: the chain has it, as seal {kept.number:,}"
    if now is None:
        last = newest["number"] if newest else 0
        problem, message = "seals_removed", f"{path}: seal {kept.number:,} is gone; the chain ends with seal {last:,}"
    elif now["found"].hex() != kept.digest:
        problem, message = "chain_rewritten", f"{path}: seal {kept.number:,} is another one; the chain was made anew"
    return {"file": str(path), "seal": kept.number, "problem": problem, "message": message}


def of_archive(connection: psycopg.Connection, path: Path) -> Part:
    """Whether an archive is as the database sealed it."""
    try:
        found, _ = audit_archive.verify(path, partial(audit_chain.seals_of, connection))
    except BrokenArchive as error:
        return {"file": str(path), "problem": "archive_broken", "message": f"{path}: {error}"}
    message = f"{path}: all seals hold, {found.seals:,} over the {found.rows:,} rows of {found.month}"
    return {"file": str(path), "month": found.month, "rows": found.rows, "problem": None, "message": message}


def offline(archives: tuple[Path, ...], heads: list[tuple[Path, audit_head.Seal]]) -> Part:
    """Archives against themselves and each other, and heads against the seals in them; no database is asked."""
    seals: dict[int, Link] = {}
    found = [_alone(path, seals) for path in archives]
    return {
        "archives": found,
        "heads": [_among(path, kept, seals) for path, kept in heads],
        "problem": None,
        "message": f"offline: {len(seals):,} seals in {len(archives):,} archives, no database asked",
    }


def _alone(path: Path, seals: dict[int, Link]) -> Part:
    try:
        found, own = audit_archive.verify(path, None)
    except BrokenArchive as error:
        return {"file": str(path), "problem": "archive_broken", "message": f"{path}: {error}"}
    problem, message = None, f"{path}: fits itself, {found.seals:,} seals over the {found.rows:,} rows of {found.month}"
    if (number := _misfit(own, seals)) is not None:
        problem, message = "archive_broken", f"{path}: seal {number} does not fit the one next to it in another archive"
    seals |= own
    return {"file": str(path), "month": found.month, "rows": found.rows, "problem": problem, "message": message}


def _misfit(own: Mapping[int, Link], seals: Mapping[int, Link]) -> int | None:
    """A seal that another archive has differently, or that does not fit its neighbours there."""
    for number, link in own.items():
        after = seals.get(number + 1)
        is_next = after is None or after.previous == link.digest
        if seals.get(number, link) != link or not is_next or not audit_archive.follows(number, link, seals):
            return number
    return None


def _among(path: Path, kept: audit_head.Seal, seals: Mapping[int, Link]) -> Part:
    problem, message = None, f"{path}: an archive has it, as seal {kept.number:,}"
    if kept.number not in seals:
        problem, message = (
            "seal_not_there",
            f"{path}: no archive has seal {kept.number:,}; heads of the months' seals tell",
        )
    elif seals[kept.number].digest != kept.digest:
        problem, message = "chain_rewritten", f"{path}: seal {kept.number:,} is another one; the chain was made anew"
    return {"file": str(path), "seal": kept.number, "problem": problem, "message": message}
