"""The migration plan: db/migrations/sqitch.plan and the scripts of its steps, read the way Sqitch reads them."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from api import ROOT, function_sources
from api.sqlfile import MigrationError, Script, body, expand, shown

DATABASE = ROOT / "db"
FUNCTIONS = "functions"

_CHANGE = re.compile(
    r"""(?P<name>[^\W\d](?:[\w-]*\w)?)
        (?:\s+\[(?P<needs>[^\]]*)\])?
        \s+\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s+[^<>]+<[^<>]+>
        (?:\s+\#\s*(?P<note>.*))?$""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Step:
    """One change of the plan with its expanded scripts; the digest tells an edited one from the deployed one."""

    name: str
    note: str
    deploy: Script
    revert: Script
    verify: Script
    digest: str

    @property
    def sources(self) -> str:
        """The files whose edit makes it another step, for messages."""
        return ", ".join(shown(path) for path in reversed(_structural(self.deploy)))


def read_plan(database: Path = DATABASE) -> list[Step]:
    """The steps in their order; all scripts are read and checked, so that nothing can go wrong half-way for their sake.

    `database` is the directory that holds migrations/, schema/ and functions/. A change that the plan names
    again (Sqitch calls that reworking) counts at its last place; only `functions`, the last step, may be.
    Raises MigrationError with file and line.
    """
    plan = database / "migrations" / "sqitch.plan"
    if not plan.is_file():
        raise MigrationError(f"there is no plan {shown(plan)}")
    names: dict[str, str] = {}
    for number, line in enumerate(plan.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{shown(plan)}:{number}"
        if not line.strip() or line.lstrip()[0] in "%#@":
            continue
        change = _CHANGE.match(line.strip())
        if change is None:
            raise MigrationError(f"{where}: a line is `name [needs] time planner <email> # note`, not `{line.strip()}`")
        name, needs = change["name"], (change["needs"] or "").split()
        if name in names and name != FUNCTIONS:
            raise MigrationError(f"{where}: {name} is planned already; a released step is never planned again")
        for need in needs:
            if need.split("@")[0] not in names:
                raise MigrationError(f"{where}: {name} needs {need}, which is not planned before it")
        names.pop(name, None)
        names[name] = change["note"] or ""
    if list(names)[-1:] != [FUNCTIONS]:
        raise MigrationError(f"{shown(plan)}: the last step has to be `{FUNCTIONS}`")
    generated = function_sources.generated(database / "functions")
    return [_read_step(database, name, note, generated) for name, note in names.items()]


def _read_step(database: Path, name: str, note: str, generated: Mapping[Path, str]) -> Step:
    scripts = []
    for kind in ("deploy", "revert", "verify"):
        path = database / "migrations" / kind / f"{name}.sql"
        if not path.is_file():
            raise MigrationError(f"the plan has a step {name}, but there is no file {shown(path)}")
        scripts.append(body(expand(path, generated), "rollback" if kind == "verify" else "commit"))
    deploy, revert, verify = scripts
    return Step(name, note, deploy, revert, verify, digest(deploy))


def digest(script: Script) -> str:
    """SHA-256 (hex) of a script's own sources. Function files are left out: they change and are applied again."""
    sha = hashlib.sha256()
    for path in _structural(script):
        text = path.read_text(encoding="utf-8")
        sha.update(f"{len(text)}:{text}".encode())
    return sha.hexdigest()


def _structural(script: Script) -> list[Path]:
    functions = script.files[0].parents[2] / "functions"
    return [path for path in script.files if not path.is_relative_to(functions)]
