"""The pages for people: every link leads somewhere, and the README leads to every page."""

import re
from pathlib import Path

import pytest

from api import ROOT

PAGES = [path for pattern in ("*.md", "docs/**/*.md", "[a-z]*/README.md") for path in sorted(ROOT.glob(pattern))]
LINK = re.compile(r"\]\(([^()\s]*)\)")


def links(page: Path) -> list[str]:
    """Where a page leads to within the repository."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [target for target in LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_what_is_there(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_the_readme_leads_to_every_page() -> None:
    readme = ROOT / "README.md"
    reached = {(ROOT / target.partition("#")[0]).resolve() for target in links(readme)}
    assert [str(page) for page in PAGES if page not in reached and page != readme] == []
