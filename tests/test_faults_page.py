"""docs/faults.md names a test for everything that it says."""

import re

from api import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_every_row_of_the_page_names_tests_that_exist() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        proofs = re.findall(r"`(tests/test_\w+\.py)`(?:: (test_\w+(?:, test_\w+)*))?", row[-1])
        assert proofs, row[0]
        for file, names in proofs:
            text = (ROOT / file).read_text(encoding="utf-8")
            for name in filter(None, names.split(", ")):
                assert f"def {name}(" in text, name
