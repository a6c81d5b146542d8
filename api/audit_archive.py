"""Archives of the audit log: one month as gzipped JSON lines, which verify by nothing but SHA-256.

The first line says what it is; then comes each seal, verbatim as its digest was taken, followed by its rows in the
order of their ids; the last line ends it. A row is `row`, the text that is sealed, and, unless they were erased or left
out, its personal parts with the salts of their digests.
"""

import gzip
import json
import os
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Any, LiteralString

import psycopg

from api.private_files import make_private
from api.settings import OperatorError

FORMAT = "pgroster audit archive 1"
SEALS: LiteralString = "select number, row_count, content, digest from admin.export_audit_seals(%s::date)"
ROWS: LiteralString = """
    select content, values_salt, values_text, origin_salt, origin_text from admin.export_audit_rows(%s)"""
RECORD: LiteralString = "select admin.record_audit_archive(%s::date, %s, %s, %s, %s, %s)"
ROW_PARTS = ("row", "values_salt", "values", "origin_salt", "origin")
Progress = Callable[[int], None]
Known = Callable[[str], Mapping[int, str]]


@dataclass(frozen=True)
class Archive:
    """A file that holds a month."""

    path: Path
    month: str
    rows: int
    seals: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Link:
    """A seal's digest (hex), and that of the one before it."""

    digest: str
    previous: str


class BrokenArchive(Exception):
    """What a file says does not fit itself, or what the database has sealed."""


def write(connection: psycopg.Connection, month: str, path: Path, is_stripped: bool, progress: Progress) -> Archive:
    """Write a month (YYYY-MM) to a new file and record it; the file is there whole or not at all.

    `is_stripped` leaves the personal parts out. Raises OperatorError, also where a row does not fit its seal.
    """
    seals = connection.execute(SEALS, [f"{month}-01"]).fetchall()
    if not seals:
        raise OperatorError(f"no row of {month} is sealed; pgroster doctor says whether the service seals")
    rows = sum(count for _, count, _, _ in seals)
    with _new_file(path) as (file, draft):
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            _put(packed, {
                "format": FORMAT, "month": month, "rows": rows, "seals": len(seals),
                "personal_parts": not is_stripped, "written_at": datetime.now(UTC).isoformat(),
            })  # fmt: skip
            for number, _, content, digest in seals:
                _put(packed, {"seal": content, "digest": digest})
                _write_rows(connection, packed, number, json.loads(content), is_stripped, progress)
            _put(packed, {"end": month, "rows": rows, "seals": len(seals)})
        file.flush()
        os.fsync(file.fileno())
        size, found = draft.stat().st_size, digest_of(draft)
        with connection.transaction():
            connection.execute(RECORD, [f"{month}-01", found, path.name, size, rows, seals[-1][0]])
            os.link(draft, path)
    return Archive(path, month, rows, len(seals), size, found.hex())


def _write_rows(
    connection: psycopg.Connection,
    packed: gzip.GzipFile,
    number: int,
    seal: dict[str, Any],
    is_stripped: bool,
    progress: Progress,
) -> None:
    digests = sha256()
    fetched = connection.execute(ROWS, [number]).fetchall()
    for row in fetched:
        parts = {name: part for name, part in zip(ROW_PARTS, row, strict=True) if part is not None}
        digests.update(sha256(parts["row"].encode()).digest())
        _put(packed, {"row": parts["row"]} if is_stripped else parts)
    if digests.hexdigest() != seal["rows_digest"] or len(fetched) != seal["row_count"]:
        raise OperatorError(f"the rows of seal {number} are not as they were sealed; run: pgroster audit verify")
    progress(len(fetched))


def _put(packed: gzip.GzipFile, line: dict[str, Any]) -> None:
    packed.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


@contextmanager
def _new_file(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A draft beside a file that is not there yet, for its owner alone; gone at the end. Raises OperatorError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make_private(path.parent)
        if path.exists():
            raise OperatorError(f"{path} is there already; move it away, or choose another --directory")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file, draft
        finally:
            draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise OperatorError(f"{error.filename or path}: {error.strerror}") from None


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()


def verify(path: Path, known: Known | None) -> tuple[Archive, dict[int, Link]]:
    """Hold an archive against itself and against the seals over its month that are known; returns its own seals.

    `known` gives the digests (hex) of a month's seals. Without, it is held against itself alone. Raises BrokenArchive
    where something does not fit, OperatorError for a file that cannot be read or is no archive.
    """
    lines = _lines(path)
    header = next(lines, {})
    if header.get("format") != FORMAT:
        raise OperatorError(f"{path} is no archive of an audit log; pgroster audit archive makes them")
    month = str(header["month"])
    try:
        rows, seals = _verify_lines(lines)
    except (KeyError, TypeError, ValueError):
        raise BrokenArchive("a line of it is not what was written") from None
    if known is not None:
        there = known(month)
        for number, link in seals.items():
            if there.get(number) != link.digest:
                raise BrokenArchive(f"seal {number} is not the one that the database has")
        if there.keys() != seals.keys():
            raise BrokenArchive(f"it has {len(seals)} of the {len(there)} seals over {month}")
    return Archive(path, month, rows, len(seals), path.stat().st_size, digest_of(path).hex()), seals


def _verify_lines(lines: Iterator[dict[str, Any]]) -> tuple[int, dict[int, Link]]:
    seals: dict[int, Link] = {}
    rows, count, digests, checks = 0, 0, sha256(), sha256()
    seal: dict[str, Any] | None = None
    for line in lines:
        if "row" in line:
            digest = sha256(line["row"].encode()).digest()
            digests.update(digest)
            checks.update(digest[:8])
            count += 1
            _verify_parts(line)
            continue
        if seal is not None and (count, digests.hexdigest(), checks.hexdigest()) != (
            seal["row_count"], seal["rows_digest"], seal["checks"],
        ):  # fmt: skip
            raise BrokenArchive(f"the rows of seal {seal['number']} are not as they were sealed")
        rows, count, digests, checks = rows + count, 0, sha256(), sha256()
        if "end" in line:
            if (line["rows"], line["seals"]) != (rows, len(seals)):
                raise BrokenArchive(f"it has {rows} of {line['rows']} rows and {len(seals)} of {line['seals']} seals")
            return rows, seals
        seal = json.loads(line["seal"])
        number, link = int(seal["number"]), Link(sha256(line["seal"].encode()).hexdigest(), seal["previous_digest"])
        if link.digest != line["digest"] or not follows(number, link, seals):
            raise BrokenArchive(f"seal {number} is not what it was, or does not follow the one before it")
        seals[number] = link
    raise BrokenArchive("its end is missing")


def follows(number: int, link: Link, seals: Mapping[int, Link]) -> bool:
    """Whether a seal fits the one before it, as far as that is there."""
    return number - 1 not in seals or seals[number - 1].digest == link.previous


def _verify_parts(line: dict[str, Any]) -> None:
    sealed = json.loads(line["row"])
    for part in ("values", "origin"):
        salt, text = line.get(f"{part}_salt"), line.get(part)
        if salt is None and text is None:
            continue
        found = sha256(bytes.fromhex(salt or "") + (text or "").encode()).hexdigest()
        if salt is None or text is None or found != sealed[f"{part}_digest"]:
            raise BrokenArchive(f"the {part} of row {sealed['id']} are not as they were sealed")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file. Raises OperatorError where it cannot be opened, BrokenArchive where it is damaged."""
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield json.loads(line)
    except gzip.BadGzipFile:
        raise OperatorError(f"{path} is no archive of an audit log; pgroster audit archive makes them") from None
    except (EOFError, zlib.error, ValueError):
        raise BrokenArchive("it is damaged or cut off") from None
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}") from None
