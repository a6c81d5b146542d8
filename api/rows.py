"""The rows of a CSV file or of JSON lines, each as a JSON object with the line that it starts on.

What is no text, or no table, is refused with the line; a single row that is out of shape is only marked. No message
repeats what stands in the file: any of it may be a password's hash.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from api.settings import OperatorError

TABLES = (".csv",)
SUFFIXES = (*TABLES, ".jsonl", ".ndjson")


class Row(NamedTuple):
    """A row: the line that it starts on, and a JSON object, or else what is wrong with it."""

    line: int
    content: str
    mistake: str | None = None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, for reading. Raises OperatorError."""
    if path.suffix.lower() not in SUFFIXES:
        raise OperatorError(f"{path}: the end of its name says what a file holds; it has to be {', '.join(SUFFIXES)}")
    try:
        file = path.open("rb")
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}") from None
    with file:
        yield file


def read(path: Path, file: BinaryIO, fields: Mapping[str, bool]) -> Iterator[Row]:
    """The rows of a file. `fields`: the names that a header may have, and whether it has to. Raises OperatorError."""
    lines = decoded(path, file)
    if path.suffix.lower() in TABLES:
        return read_table(path, lines, fields)
    return (Row(number, line) for number, line in enumerate(lines, 1) if line.strip())


def decoded(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines of a file in UTF-8, with or without a byte order mark. Raises OperatorError."""
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise OperatorError(f"{path}, line {number}: this is not UTF-8; convert the file") from None
        if "\0" in text:
            raise OperatorError(f"{path}, line {number}: this has a NUL character; convert the file to UTF-8")
        yield text


def read_table(path: Path, lines: Iterable[str], fields: Mapping[str, bool]) -> Iterator[Row]:
    """The rows of comma-separated values under a header (RFC 4180); an empty cell is no value. Raises OperatorError."""
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        check_header(path, header, fields)
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                yield Row(line, json.dumps({name: cell for name, cell in zip(header, cells, strict=True) if cell}))
            elif cells:
                yield Row(line, "", f"This has {len(cells)} cells, the header {len(header)}.")
            line = reader.line_num + 1
    except csv.Error as error:
        raise OperatorError(f"{path}, line {reader.line_num}: {error}") from None


def check_header(path: Path, header: list[str], fields: Mapping[str, bool]) -> None:
    """Raise OperatorError unless the first line names the fields."""
    for number, name in enumerate(header, 1):
        if name not in fields:
            raise OperatorError(f"{path}, line 1: column {number} has to be one of {', '.join(fields)}")
        if name in header[: number - 1]:
            raise OperatorError(f"{path}, line 1: column {number} is {name} once more")
    missing = [name for name, is_needed in fields.items() if is_needed and name not in header]
    if missing:
        raise OperatorError(f"{path}, line 1: the header lacks {' and '.join(missing)}")
