"""The pages beside the modules name each of them once, and the service's imports go the way that its page says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import ROOT


def groups(page: Path) -> list[list[str]]:
    """The modules of a page's last table, row by row."""
    rows = re.findall(r"^\| [^`|]+ \| (`[a-z_]+`(?:, `[a-z_]+`)*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.findall(r"`([a-z_]+)`", row) for row in rows]


def imports_of(path: Path) -> Iterator[str]:
    """The modules of the service that one of them imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "api":
            yield from (alias.name for alias in node.names if (ROOT / "api" / f"{alias.name}.py").is_file())
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("api."):
            yield node.module.removeprefix("api.")


@pytest.mark.parametrize(("directory", "left_out"), [("api", "__init__"), ("tests", "__init__|test_.*")])
def test_a_page_names_each_module_once(directory: str, left_out: str) -> None:
    named = [name for group in groups(ROOT / directory / "README.md") for name in group]
    there = [path.stem for path in (ROOT / directory).glob("*.py") if not re.fullmatch(left_out, path.stem)]
    assert sorted(named) == sorted(there)


def test_a_module_imports_from_its_own_group_and_from_those_below() -> None:
    level = {name: number for number, group in enumerate(groups(ROOT / "api" / "README.md")) for name in group}
    arrows = [(name, other) for name in level for other in imports_of(ROOT / "api" / f"{name}.py")]
    assert len(arrows) > 100
    assert [arrow for arrow in arrows if level[arrow[0]] > level[arrow[1]]] == []
