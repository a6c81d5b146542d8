"""constraints.txt names one version of everything that `make` installs, for every Python, and nothing of where from."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from api import ROOT

TEXT = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINE = re.compile(r"[a-z0-9-]+==[\w.+!-]+(?: ; [^;@/]+)?")
PINS = [Requirement(line) for line in TEXT.splitlines() if not line.startswith("#")]
PINNED = {canonicalize_name(pin.name): pin for pin in PINS if pin.marker is None or pin.marker.evaluate()}
"""What holds on this Python and this system."""


def direct() -> Iterator[Requirement]:
    """What pyproject.toml asks for: to run, for every extra, and to build."""
    project = PROJECT["project"]
    for group in (
        project["dependencies"],
        *project["optional-dependencies"].values(),
        PROJECT["build-system"]["requires"],
    ):
        yield from map(Requirement, group)


def is_met(needed: Requirement) -> bool:
    """Whether the version that is named is one that was asked for."""
    pin = PINNED.get(canonicalize_name(needed.name))
    return pin is not None and all(needed.specifier.contains(exact.version) for exact in pin.specifier)


def installed() -> Iterator[tuple[NormalizedName, str]]:
    """Name and version of what the product and its tests have brought into this environment, however deep."""
    own = canonicalize_name("pgroster")
    seen: set[tuple[NormalizedName, str]] = set()
    waiting = [(own, extra) for extra in ("", "dev")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another system or another Python
        if name != own:
            yield name, found.version
        for needed in map(Requirement, found.requires or []):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), each) for each in ("", *needed.extras)]


def test_every_line_is_a_name_and_a_version_and_says_nothing_of_where_it_comes_from() -> None:
    assert [line for line in TEXT.splitlines() if not line.startswith("#") and not LINE.fullmatch(line)] == []


def test_all_that_pyproject_asks_for_has_a_version_that_it_allows() -> None:
    unfit = [str(needed) for needed in direct() if not is_met(needed)]
    assert unfit == [], "run: make lock"


def test_what_is_installed_is_what_is_named_however_deep() -> None:
    found = dict(installed())
    assert len(found) > 50, "the walk found next to nothing"
    assert found.keys() - PINNED.keys() == set(), "run: make lock"
    others = {name: version for name, version in found.items() if not PINNED[name].specifier.contains(version)}
    assert others == {}, "run: make"
