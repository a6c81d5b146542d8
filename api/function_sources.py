"""The files of db/functions, and the two generated scripts that apply and remove them.

apply.sql lists every file: one composite-type file, then one file a function. remove.sql puts back what the
steps before `functions` had made, namely the functions that they include themselves. Both stand alone under
psql, in Sqitch's deploy and revert scripts and in `pgroster migrate`; all three run the same text.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from api.sqlfile import MigrationError, shown, tokens

SCHEMAS = ("private", "audit", "http", "admin", "api")
OWNER = "roster_owner"
AUDIT_OWNER = "roster_audit_owner"
_GENERATED = {"apply.sql", "remove.sql"}
_FRAME = {"begin.sql", "finish.sql"}
_VIEW = re.compile(r"^create\s+(or\s+replace\s+)?view\b", re.IGNORECASE | re.MULTILINE)
_INCLUDE = re.compile(r"\\ir\s+(?P<path>\S+)")
_HEADER = """\
-- Generated from the files of db/functions by `pgroster migrate`; edit those.
-- {purpose}: psql -1 -f db/functions/{name}
\\set ON_ERROR_STOP on
"""


def sources(functions: Path) -> list[Path]:
    """Every source file in the order of application: the types, then by schema; in a schema, views come last.

    Raises MigrationError for a file that lies where nothing would apply it.
    """
    known = [functions / "types.sql"]
    for schema in SCHEMAS:
        files = sorted((functions / schema).glob("*.sql"), key=lambda path: path.name)
        known += sorted(files, key=lambda path: _VIEW.search(path.read_text(encoding="utf-8")) is not None)
    framework = {functions / name for name in _GENERATED | _FRAME}
    for path in sorted(functions.rglob("*.sql")):
        if path not in framework and path not in known:
            raise MigrationError(
                f"{shown(path)}: functions lie in a directory named for their schema: {', '.join(SCHEMAS)}"
            )
    return [path for path in known if path.is_file()]


def digest(functions: Path) -> str:
    """SHA-256 (hex) of all sources with their names, in their order."""
    sha = hashlib.sha256()
    for path in sources(functions):
        text = path.read_text(encoding="utf-8")
        sha.update(f"{path.relative_to(functions).as_posix()}:{len(text)}:{text}".encode())
    return sha.hexdigest()


def generated(functions: Path) -> dict[Path, str]:
    """The text that the generated scripts should have."""
    kept = _included_by_steps(functions)
    return {
        functions / "apply.sql": _script(
            functions, "apply.sql", "Puts these functions in place", digest(functions), sources(functions)
        ),
        functions / "remove.sql": _script(
            functions, "remove.sql", "Takes the functions away but those that the tables need", "none", kept
        ),
    }


def refresh(functions: Path) -> list[Path]:
    """Rewrite the generated scripts that are out of date; returns those. Raises OSError where that is not allowed."""
    stale = {
        path: text
        for path, text in generated(functions).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return list(stale)


def _script(functions: Path, name: str, purpose: str, sources_digest: str, files: list[Path]) -> str:
    """Every file twice: without a look at the bodies, then, when all that they name is there, with one."""
    again = [path for path in files if path.name != "types.sql"]
    return "".join(
        [
            _HEADER.format(name=name, purpose=purpose),
            f"set local pgroster.functions_digest = '{sources_digest}';\n",
            "\\ir begin.sql\n",
            "\n-- In whatever order they name each other.\n",
            "set local check_function_bodies = off;\n",
            *_includes_as_owner(functions, files),
            "\n-- Once more, now that all is there: a mistake in a body is found with its line.\n",
            "set local check_function_bodies = on;\n",
            *_includes_as_owner(functions, again),
            "\n\\ir finish.sql\n",
        ]
    )


def _includes_as_owner(functions: Path, files: Iterable[Path]) -> Iterator[str]:
    owner = OWNER
    for path in files:
        wanted = AUDIT_OWNER if path.parent.name == "audit" else OWNER
        if wanted != owner:
            yield f"set local role {wanted};\n"
            owner = wanted
        yield f"\\ir {path.relative_to(functions).as_posix()}\n"
    if owner != OWNER:
        yield f"set local role {OWNER};\n"


def _included_by_steps(functions: Path) -> list[Path]:
    schema = functions.parent / "schema"
    found: dict[Path, None] = {}
    for step in sorted(schema.glob("*.sql")):
        for path in _includes(step):
            if path.is_relative_to(functions.resolve()):
                found[functions / path.relative_to(functions.resolve())] = None
    return list(found)


def _includes(path: Path) -> Iterator[Path]:
    for token in tokens(path.read_text(encoding="utf-8"), shown(path)):
        if token.kind == "meta" and (include := _INCLUDE.match(token.text)):
            yield (path.parent / include["path"]).resolve()
