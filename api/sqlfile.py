"""SQL scripts as psql reads them: `\\ir` expanded, everything else left as it is written.

A script runs in one simple query, so no statement is ever split. The scanner only has to know where strings,
quoted names, dollar quotes and comments end; what stands outside them may be a psql meta-command or the
transaction control of a deploy script.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal, NamedTuple

from api import ROOT
from api.settings import OperatorError

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
                | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<meta>\\[^\n]*)
    | (?P<end>;)
    | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_TRANSACTION_CONTROL = frozenset({"begin", "start", "commit", "end", "rollback", "abort"})


class MigrationError(OperatorError):
    """What stopped a migration and what to do about it, in one line."""


class Token(NamedTuple):
    """A piece of SQL. `opens` says that a statement starts with it."""

    kind: str
    text: str
    start: int
    opens: bool


class Origin(NamedTuple):
    """From offset `start` of the expanded text on, it is `path` from `line` on."""

    start: int
    path: Path
    line: int


@dataclass(frozen=True)
class Script:
    """The expanded text of a script, the files that it is made of in their order, and where each piece came from."""

    text: str
    files: tuple[Path, ...]
    origins: tuple[Origin, ...]

    def locate(self, offset: int) -> str:
        """`file:line` of an offset (characters, from 0) of the text."""
        origin = [o for o in self.origins if o.start <= offset][-1]
        return f"{shown(origin.path)}:{origin.line + self.text.count(chr(10), origin.start, offset)}"

    def segments(self) -> Iterator[tuple[int, Path, str]]:
        """The text file by file, each piece with its offset: whole statements, since only those are between files."""
        ends = [origin.start for origin in self.origins[1:]] + [len(self.text)]
        for origin, end in zip(self.origins, ends, strict=True):
            yield origin.start, origin.path, self.text[origin.start : end]


def shown(path: Path) -> str:
    """A path as messages name it: from the repository's root where it lies there."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def tokens(text: str, name: str) -> Iterator[Token]:
    """Scan SQL. Raises MigrationError naming `name` where a string or a comment has no end."""
    position, opens = 0, True
    while match := _TOKEN.match(text, position):
        kind, start, position = str(match.lastgroup), position, match.end()
        if kind == "comment":
            position = _comment_end(text, start)
        if position < 0 or (kind == "other" and match.group() in "'\""):
            raise MigrationError(f"{name}:{text.count(chr(10), 0, start) + 1}: this string or comment has no end")
        yield Token(kind, text[start:position], start, opens)
        if kind not in ("blank", "comment"):
            opens = kind in ("end", "meta")


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return -1


def expand(path: Path, replaced: Mapping[Path, str] | None = None) -> Script:
    """Read a script and, in place of each `\\ir file`, that file, relative to the one that names it.

    `replaced` gives the text of files that are not read from disk. Raises MigrationError with file and line for
    a missing file, a cycle, and every meta-command but `\\ir` and `\\set ON_ERROR_STOP on`.
    """
    pieces = list(_pieces(path.resolve(), {p.resolve(): text for p, text in (replaced or {}).items()}, ()))
    starts = accumulate((len(text) for _, _, text in pieces), initial=0)
    origins = tuple(Origin(start, source, line) for start, (source, line, _) in zip(starts, pieces, strict=False))
    return Script("".join(text for _, _, text in pieces), tuple(dict.fromkeys(o.path for o in origins)), origins)


def _pieces(path: Path, replaced: Mapping[Path, str], within: tuple[Path, ...]) -> Iterator[tuple[Path, int, str]]:
    text = replaced[path] if path in replaced else path.read_text(encoding="utf-8")
    done, line = 0, 1
    for token in tokens(text, shown(path)):
        if token.kind != "meta":
            continue
        yield path, line, text[done : token.start]
        line += text.count("\n", done, token.start)
        done = token.start + len(token.text)
        command = token.text.split()
        if command == ["\\set", "ON_ERROR_STOP", "on"]:
            continue
        if len(command) != 2 or command[0] != "\\ir" or not token.opens:
            raise MigrationError(
                f"{shown(path)}:{line}: only `\\ir file` between statements is understood, not `{token.text.strip()}`"
            )
        target = (path.parent / command[1]).resolve()
        if target in (*within, path):
            raise MigrationError(f"{shown(path)}:{line}: {command[1]} includes itself")
        if target not in replaced and not target.is_file():
            raise MigrationError(f"{shown(path)}:{line}: there is no file {command[1]}")
        yield from _pieces(target, replaced, (*within, path))
    yield path, line, text[done:]


def body(script: Script, ends_with: Literal["commit", "rollback"]) -> Script:
    """The script without its outer `begin;` and `commit;` (or `rollback;`), which become blanks.

    Its caller owns the transaction, so any further transaction control is refused with MigrationError.
    """
    found = [t for t in tokens(script.text, shown(script.files[0])) if t.kind not in ("blank", "comment")]
    control = [
        (i, t) for i, t in enumerate(found) if t.opens and t.kind == "word" and t.text.lower() in _TRANSACTION_CONTROL
    ]
    expected = {0: "begin", len(found) - 2: ends_with}
    for index, token in control:
        if expected.get(index) != token.text.lower() or found[index + 1].kind != "end":
            raise MigrationError(
                f"{script.locate(token.start)}: `{token.text}` would break the script's one transaction"
            )
    if len(control) != 2:
        raise MigrationError(f"{shown(script.files[0])}: a script starts with `begin;` and ends with `{ends_with};`")
    text = script.text
    for index, token in control:
        end = found[index + 1].start + 1
        text = text[: token.start] + re.sub(r"[^\n]", " ", text[token.start : end]) + text[end:]
    return Script(text, script.files, script.origins)
