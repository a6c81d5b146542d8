"""SECURITY.md answers every requirement of OWASP ASVS 5.0, levels 1 and 2, once, and what it names as proof exists."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from api import ROOT

PAGE = ROOT / "SECURITY.md"
REQUIREMENTS = Path(__file__).with_name("asvs.csv")
ROW = re.compile(r"^\| (V[\d., V]+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|(.*)\|$", re.MULTILINE)
PROOF = re.compile(r"`([^`]+)`(?:: (.+))?")
STATES = {"met", "not met", "out of scope"}


@dataclass(frozen=True)
class Answer:
    """One row of the page."""

    ids: tuple[str, ...]
    state: str
    remark: str
    proofs: tuple[str, ...]


def answers() -> list[Answer]:
    """The rows, after a look at whether each line that begins like one is one."""
    text = PAGE.read_text(encoding="utf-8")
    found = [
        Answer(tuple(row[1].split(", ")), row[3], row[4].strip(), tuple(p for p in row[5].strip().split("; ") if p))
        for row in ROW.finditer(text)
    ]
    assert len(found) == len(re.findall(r"^\| *V\d", text, re.MULTILINE)), "a row has another form than the others"
    return found


ANSWERS = answers()


@cache
def text_of(path: str) -> str:
    """What a file says."""
    return (ROOT / path).read_text(encoding="utf-8")


def exists(proof: str) -> bool:
    """Whether there is that file, and in it that test, that description or that heading."""
    match = PROOF.fullmatch(proof)
    if match is None or not (ROOT / match[1]).is_file():
        return False
    path, name = match[1], match[2]
    if name is None:
        return not path.startswith(("tests/test_", "db/tests/"))  # a file of tests proves many things; which one?
    if path.endswith(".md"):
        return re.search(rf"^#+ {re.escape(name)}$", text_of(path), re.MULTILINE) is not None
    if path.endswith(".py"):
        return re.search(rf"^def {name}\(", text_of(path), re.MULTILINE) is not None
    stem, ellipsis, _ = name.replace("'", "''").partition("…")
    end = "" if ellipsis else "'"
    return re.search(rf"'(BR-\d{{3}}: )?{re.escape(stem)}{end}", text_of(path)) is not None


def test_every_requirement_of_both_levels_is_answered_once_and_no_other() -> None:
    with REQUIREMENTS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    asked = [row["requirement"] for row in rows]
    assert (len(asked), {row["level"] for row in rows}) == (253, {"1", "2"})
    assert sorted(id for answer in ANSWERS for id in answer.ids) == sorted(asked)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.ids[0])
def test_an_answer_has_what_its_state_needs(answer: Answer) -> None:
    assert answer.state in STATES
    if answer.state == "met":
        assert answer.proofs, "what is met is proved somewhere"
    else:
        assert answer.remark and not answer.proofs, "what is not met, or out of scope, says why"
    assert [proof for proof in answer.proofs if not exists(proof)] == []


@pytest.mark.parametrize(
    "proof",
    [
        "`tests/test_nothing.py`: test_a",
        "`tests/test_tokens.py`: test_nothing",
        "`tests/test_tokens.py`",
        "`db/tests/lints.sql`: nothing",
        "`SECURITY.md`: Nothing",
        "tests/test_tokens.py",
    ],
)
def test_a_proof_that_is_none_is_noticed(proof: str) -> None:
    assert not exists(proof)
